"""Proximal operators in the form `prox(x, strength, scaling)`.

For a penalty `P` and a positive diagonal metric each of them returns

    argmin_z  strength * P(z) + sum_i (z_i - x_i)^2 / (2 scaling_i),

see Parikh & Boyd, *Proximal Algorithms*, 2014, section 6. `scaling` is the step length
of a gradient method: one number, or one for each coordinate in an adaptive method.
`strength` and `scaling` broadcast against x.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

# Newton's method on the secular equation of the group penalty is monotone and converges
# quadratically; the hardest metrics tried (scalings over eight decades) took 12 steps.
_NEWTON_STEPS = 24


def nonnegative_soft_threshold(
    x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of `|z|_1` over z >= 0: `max(x - strength scaling, 0)`.

    Eq. (3) of Liang et al., ICLR 2021, if `scaling` is the learning rate.

    Args:
      x: float array of any shape.
      strength: weight of the penalty, >= 0; 0 leaves the projection onto z >= 0.
      scaling: step length, > 0.

    Returns:
      Array of the shape and dtype of x.

    Example:
      >>> import jax.numpy as jnp
      >>> nonnegative_soft_threshold(jnp.array([-1.0, 0.5, 2.0]), 1.0).tolist()
      [0.0, 0.0, 1.0]
    """
    return jnp.maximum(x - jnp.asarray(strength * scaling, x.dtype), 0)


def soft_threshold(
    x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of `|z|_1`: moves x towards zero by `strength scaling`, but not past it.

    Args:
      x: float array of any shape.
      strength: weight of the penalty, >= 0.
      scaling: step length, > 0.

    Returns:
      Array of the shape and dtype of x.

    Example:
      >>> import jax.numpy as jnp
      >>> soft_threshold(jnp.array([-3.0, 0.5, 2.0]), 1.0).tolist()
      [-2.0, 0.0, 1.0]
    """
    threshold = jnp.asarray(strength * scaling, x.dtype)
    # A difference of two clamps, not sign(x) max(|x| - t, 0): it yields +0, never -0.
    return jnp.maximum(x - threshold, 0) - jnp.maximum(-x - threshold, 0)


def hard_threshold(
    x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of `|z|_0`: keeps x where `x^2 > 2 strength scaling`, zero elsewhere.

    Args:
      x: float array of any shape.
      strength: price of a non-zero, >= 0.
      scaling: step length, > 0.

    Returns:
      Array of the shape and dtype of x.

    Example:
      >>> import jax.numpy as jnp
      >>> hard_threshold(jnp.array([-3.0, 0.5, 2.0]), 1.0).tolist()
      [-3.0, 0.0, 2.0]
    """
    price = jnp.asarray(2 * strength * scaling, x.dtype)
    return jnp.where(jnp.square(x) > price, x, jnp.zeros_like(x))


def nonnegative_hard_threshold(
    x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of `|z|_0` over z >= 0: keeps x > 0 where `x^2 > 2 strength scaling`.

    Args:
      x: float array of any shape.
      strength: price of a non-zero, >= 0; 0 leaves the projection onto z >= 0.
      scaling: step length, > 0.

    Returns:
      Array of the shape and dtype of x.

    Example:
      >>> import jax.numpy as jnp
      >>> nonnegative_hard_threshold(jnp.array([-3.0, 0.5, 2.0]), 1.0).tolist()
      [0.0, 0.0, 2.0]
    """
    return hard_threshold(jnp.maximum(x, 0), strength, scaling)


def minimax_concave(
    gamma: float, nonnegative: bool = True
) -> Callable[[Float[Array, "..."], ArrayLike, ArrayLike], Float[Array, "..."]]:
    """Makes the prox of the minimax concave penalty (MCP).

    Zhang, *Nearly unbiased variable selection under minimax concave penalty*, Annals of
    Statistics 2010, eq. (2.1). With weight `strength` its value is, entry by entry,

        strength |z| - z^2 / (2 gamma)      where |z| <= gamma strength,
        gamma strength^2 / 2                beyond:

    near zero it is like L1, which makes zeros, while the price of an entry above `gamma
    strength` is constant, so that large entries are not shrunk. As gamma grows it
    becomes L1. Note that `strength` sets both the price and the point where shrinkage
    ends.

    If `scaling < gamma` the problem is strictly convex and its solution is firm
    thresholding: 0 up to `strength scaling`, x from `gamma strength` on, and `(x -
    strength scaling) / (1 - scaling / gamma)` in between. Otherwise the minimum is at 0
    or at x: x is kept above `strength sqrt(scaling gamma)`.

    Args:
      gamma: inverse of the concavity, in the units of `scaling`, > 0. The smaller it
        is, the closer is the penalty to counting non-zeros.
      nonnegative: whether z >= 0 is required as well.

    Returns:
      An operator `prox(x, strength, scaling)`; operators with equal arguments are equal
      and have the same hash.

    Raises:
      ValueError: gamma is not a finite number above 0.

    Example:
      >>> import jax.numpy as jnp
      >>> minimax_concave(2.0)(jnp.array([-3.0, 0.5, 1.5, 4.0]), 1.0).tolist()
      [0.0, 0.0, 1.0, 4.0]
    """
    if not 0 < gamma < float("inf"):
        raise ValueError(f"gamma must be a finite number > 0, got {gamma!r}.")
    return _MinimaxConcave(float(gamma), bool(nonnegative))


@dataclasses.dataclass(frozen=True)
class _MinimaxConcave:
    gamma: float
    nonnegative: bool

    def __call__(
        self, x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
    ) -> Float[Array, "..."]:
        gamma, weight, step = (
            jnp.asarray(value, x.dtype) for value in (self.gamma, strength, scaling)
        )
        size = jnp.maximum(x, 0) if self.nonnegative else jnp.abs(x)
        convex = step < gamma
        slope = jnp.where(convex, 1 - step / gamma, jnp.ones_like(step))
        firm = jnp.minimum(size, jnp.maximum(size - weight * step, 0) / slope)
        hard = jnp.where(
            size > weight * jnp.sqrt(step * gamma), size, jnp.zeros_like(size)
        )
        new = jnp.where(convex, firm, hard)
        if self.nonnegative:
            return new
        return jnp.where(new == 0, jnp.zeros_like(new), jnp.copysign(new, x))


def project_nonnegative(
    x: Float[Array, "..."], strength: ArrayLike = 0.0, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of the constraint z >= 0: the projection `max(x, 0)`.

    Args:
      x: float array of any shape.
      strength: has no effect on a constraint.
      scaling: has no effect on a constraint in a diagonal metric.

    Returns:
      Array of the shape and dtype of x.

    Example:
      >>> import jax.numpy as jnp
      >>> project_nonnegative(jnp.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    del strength, scaling
    return jnp.maximum(x, 0)


def identity(
    x: Float[Array, "..."], strength: ArrayLike = 0.0, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of no penalty: x itself.

    Args:
      x: float array of any shape.
      strength: has no effect.
      scaling: has no effect.

    Returns:
      x.

    Example:
      >>> import jax.numpy as jnp
      >>> identity(jnp.array([-1.0, 2.0])).tolist()
      [-1.0, 2.0]
    """
    del strength, scaling
    return x


def group_soft_threshold(
    x: Float[Array, "..."], strength: ArrayLike, scaling: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Prox of the row-wise group lasso `sum_rows |z_row|_2`, rows along the last axis.

    With one scaling for a row it is `x max(0, 1 - strength scaling / |x|)`. With one
    for each coordinate it is `z_i = x_i r / (r + strength scaling_i)`, where the norm
    `r = |z|` solves `sum_i x_i^2 / (r + strength scaling_i)^2 = 1`; a row is zero if
    that sum at r = 0 is at most 1.

    Args:
      x: float array (..., n); a scalar counts as a row of one entry.
      strength: weight of the penalty, >= 0, a scalar or one number a row, (..., 1).
      scaling: step length, > 0, broadcasting against x.

    Returns:
      Array of the shape and dtype of x, in which whole rows are exactly zero.

    Example:
      >>> import jax.numpy as jnp
      >>> x = jnp.array([[3.0, 4.0], [0.3, 0.4]])
      >>> group_soft_threshold(x, 1.0).round(3).tolist()
      [[2.4000000953674316, 3.200000047683716], [0.0, 0.0]]
    """
    if x.ndim == 0:
        return soft_threshold(x, strength, scaling)
    threshold = jnp.asarray(strength * scaling, x.dtype)
    if threshold.ndim == 0 or threshold.shape[-1] == 1:
        norm = jnp.linalg.norm(x, axis=-1, keepdims=True)
        safe = jnp.where(norm > 0, norm, jnp.ones_like(norm))
        return x * jnp.maximum(1 - threshold / safe, 0)
    return _group_soft_threshold_diagonal(x, jnp.broadcast_to(threshold, x.shape))


def _group_soft_threshold_diagonal(x: Array, threshold: Array) -> Array:
    def newton(_: Array, r: Array) -> Array:
        # On 1 - q(r)^(-1/2), which is concave and nearly linear in r: starting left of
        # the root, the iterates rise to it and never pass it.
        square = jnp.square(x / (r + threshold))
        q = jnp.sum(square, axis=-1, keepdims=True)
        slope = jnp.sum(square / (r + threshold), axis=-1, keepdims=True)
        step = q * (jnp.sqrt(q) - 1) / jnp.where(slope > 0, slope, jnp.ones_like(slope))
        return jnp.where(q > 1, r + step, r)

    norm = jnp.linalg.norm(x, axis=-1, keepdims=True)
    info = jnp.finfo(x.dtype)
    # The root lies between |x| minus the largest and |x| minus the smallest threshold.
    left = norm - jnp.max(threshold, axis=-1, keepdims=True)
    start = jnp.maximum(left, jnp.maximum(norm * info.eps, info.tiny))
    r = lax.fori_loop(0, _NEWTON_STEPS, newton, start)
    keep = jnp.linalg.norm(x / jnp.maximum(threshold, info.tiny), axis=-1) > 1
    return jnp.where(keep[..., None], x * (r / (r + threshold)), jnp.zeros_like(x))


# Operators that act on every entry separately; minimax_concave makes more of them.
_COORDINATEWISE = frozenset(
    {
        nonnegative_soft_threshold,
        soft_threshold,
        nonnegative_hard_threshold,
        hard_threshold,
        project_nonnegative,
        identity,
    }
)


def is_coordinatewise(prox: Callable[..., Array]) -> bool:
    """Whether an operator is known to act on every entry separately.

    Such an operator gives the same result for any shape of its arguments.

    Args:
      prox: the operator.

    Returns:
      True or False.

    Example:
      >>> is_coordinatewise(soft_threshold), is_coordinatewise(group_soft_threshold)
      (True, False)
    """
    return isinstance(prox, _MinimaxConcave) or prox in _COORDINATEWISE
