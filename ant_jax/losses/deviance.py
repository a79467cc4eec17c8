"""Divergences of numbers, accurate where the two arguments nearly agree.

Written out, `x log(x/m) - x + m` and `x/m - 1 - log(x/m)` are differences whose terms
cancel: in float32 their error is 1e-7, of either sign, where the result is 1e-12. With
`d = x - m`, `v = d / (x + m)` and `log(x/m) = 2 artanh(v)` the terms of first order
cancel on paper, and a short series remains (Loader, *Fast and Accurate Computation of
Binomial Probabilities*, 2000). The derivatives are given in closed form, because those
of automatic differentiation would cancel again.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Where |v| is smaller the series is used, with as many terms 1/(2j+1) as float64 needs.
_NEAR = 0.2
_SERIES = tuple(1 / (2 * j + 1) for j in range(12, 0, -1))

Reals = Float[Array, "..."]


@jax.custom_jvp
@jax.jit
def relative_entropy(x: Reals, mean: Reals) -> Reals:
    """Poisson's divergence `x log(x/m) - x + m` for x, m >= 0.

    Args:
      x: float of any shape.
      mean: float of that shape and dtype.

    Returns:
      Elementwise divergence.

    Example:
      >>> relative_entropy(jnp.array([0.0, 2.0]), jnp.array([3.0, 2.0])).tolist()
      [3.0, 0.0]
    """
    return _relative_entropy(x, mean, x - mean)


@jax.custom_jvp
@jax.jit
def binary_relative_entropy(x: Reals, mean: Reals) -> Reals:
    """Bernoulli's divergence `x log(x/m) + (1-x) log((1-x)/(1-m))` for x, m in [0, 1].

    Args:
      x: float of any shape.
      mean: float of that shape and dtype.

    Returns:
      Elementwise divergence.

    Example:
      >>> x, mean = jnp.array([0.5, 1.0]), jnp.array([0.5, 0.25])
      >>> binary_relative_entropy(x, mean).round(2).tolist()
      [0.0, 1.3899999856948853]
    """
    difference = x - mean
    # 1 - x is rounded, but the difference of the complements is exact.
    complement = _relative_entropy(1 - x, 1 - mean, -difference)
    return _relative_entropy(x, mean, difference) + complement


@jax.custom_jvp
@jax.jit
def itakura_saito(x: Reals, mean: Reals) -> Reals:
    """The exponential distribution's `x/m - 1 - log(x/m)` for x >= 0, m > 0.

    Args:
      x: float of any shape.
      mean: float of that shape and dtype.

    Returns:
      Elementwise divergence.

    Example:
      >>> itakura_saito(jnp.array([2.0, 0.0]), jnp.array([2.0, 1.0])).tolist()
      [0.0, inf]
    """
    difference = x - mean
    near, v = _near(x, mean, difference)
    series = v * (difference / mean) - 2 * _odd_series(v)
    far = difference / mean - (jnp.log(x) - jnp.log(mean))
    far = jnp.where((mean == 0) & (x > 0), jnp.inf, far)
    return jnp.where(near, series, far)


@relative_entropy.defjvp
@jax.jit
def _relative_entropy_jvp(
    primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]
) -> tuple[Reals, Reals]:
    x, mean = primals
    return relative_entropy(x, mean), _tangent(
        tangents, _log_ratio(x, mean, x - mean), _slope(x, mean, x - mean)
    )


@binary_relative_entropy.defjvp
@jax.jit
def _binary_relative_entropy_jvp(
    primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]
) -> tuple[Reals, Reals]:
    x, mean = primals
    d = x - mean
    return binary_relative_entropy(x, mean), _tangent(
        tangents,
        _log_ratio(x, mean, d) - _log_ratio(1 - x, 1 - mean, -d),
        _slope(x, mean, d) - _slope(1 - x, 1 - mean, -d),
    )


@itakura_saito.defjvp
@jax.jit
def _itakura_saito_jvp(
    primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]
) -> tuple[Reals, Reals]:
    x, mean = primals
    d = x - mean
    return itakura_saito(x, mean), _tangent(tangents, d / mean / x, -d / mean / mean)


def _relative_entropy(x: Reals, mean: Reals, difference: Reals) -> Reals:
    near, v = _near(x, mean, difference)
    series = v * difference + 2 * x * _odd_series(v)
    safe = jnp.where(x > 0, x, jnp.ones_like(x))
    cross = jnp.where(x == 0, jnp.zeros_like(x), x * (jnp.log(safe) - jnp.log(mean)))
    outside = (x < 0) | (mean < 0)
    return jnp.where(near, series, jnp.where(outside, jnp.nan, cross - difference))


def _near(x: Reals, mean: Reals, difference: Reals) -> tuple[Array, Reals]:
    """Where the series holds, and its variable v there, 0 elsewhere."""
    total = x + mean
    near = jnp.abs(difference) <= _NEAR * total
    v = difference / jnp.where(total > 0, total, jnp.ones_like(total))
    return near, jnp.where(near, v, jnp.zeros_like(v))


def _odd_series(v: Reals) -> Reals:
    """`artanh(v) - v`, that is v^3/3 + v^5/5 + ..., for |v| <= 0.2."""
    square = v * v
    total = jnp.zeros_like(v)
    for coefficient in _SERIES:
        total = total * square + coefficient
    return v * square * total


def _log_ratio(x: Reals, mean: Reals, difference: Reals) -> Reals:
    near, v = _near(x, mean, difference)
    far = jnp.log(x) - jnp.log(mean)
    return jnp.where(near, 2 * (v + _odd_series(v)), far)


def _slope(x: Reals, mean: Reals, difference: Reals) -> Reals:
    """Derivative of the relative entropy in the mean, including where both are 0."""
    return jnp.where(x == 0, jnp.ones_like(x), -difference / mean)


def _tangent(tangents: tuple[Reals, Reals], x_slope: Reals, mean_slope: Reals) -> Reals:
    x_dot, mean_dot = tangents
    # The slope in x may be infinite at the boundary. Its product with the tangent of x,
    # which is 0 for data, must not make the slope in the mean NaN.
    largest = jnp.finfo(x_slope.dtype).max
    return jnp.clip(x_slope, -largest, largest) * x_dot + mean_slope * mean_dot
