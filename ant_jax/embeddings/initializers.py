"""Initializers of anchors, transforms and full tables."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray


def half_normal(stddev: float | None = None) -> Initializer:
    """Makes an initializer of non-negative values: the absolute value of a normal draw.

    A transform that starts with both signs loses its negative half at the first
    proximal step, and a column of zeros in T together with a zero anchor is never left
    again, since neither then has a gradient. So both factors of E = T A start positive.

    Args:
      stddev: standard deviation of the normal distribution; None takes sqrt(2 / rows),
        as in the code of Anchor & Transform's authors.

    Returns:
      An initializer `(key, shape, dtype) -> array` of shape `shape`, all entries >= 0.

    Example:
      >>> import jax
      >>> bool((half_normal()(jax.random.key(0), (4, 2)) >= 0).all())
      True
    """

    def init(
        key: PRNGKeyArray,
        shape: Sequence[int],
        dtype: DTypeLike | None = None,
        out_sharding: Any = None,
    ) -> Array:
        dtype = jnp.float32 if dtype is None else dtype
        scale = (2 / shape[0]) ** 0.5 if stddev is None else stddev
        draw = jax.random.normal(key, tuple(shape), dtype, out_sharding=out_sharding)
        return jnp.abs(draw) * scale

    return init


def signed_basis(
    key: PRNGKeyArray,
    shape: Sequence[int],
    dtype: DTypeLike | None = None,
    out_sharding: Any = None,
) -> Array:
    """Initializes anchors along the axes: `e_1, -e_1, e_2, -e_2, ...`, cyclically.

    A non-negative T can then express every vector in the span of the first K / 2 axes,
    so that E = T A may start as small as T does.

    Args:
      key: unused; nothing is drawn.
      shape: (K, d).
      dtype: dtype of the result, float32 by default.
      out_sharding: sharding of the result.

    Returns:
      Array of shape (K, d).

    Example:
      >>> import jax
      >>> signed_basis(jax.random.key(0), (3, 2)).tolist()
      [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]
    """
    del key
    rows, features = shape
    row = jnp.arange(rows)
    axes = jax.nn.one_hot(row // 2 % features, features, dtype=dtype or jnp.float32)
    # A difference, since negation would make zeros -0.
    basis = axes - 2 * jnp.where((row % 2 == 1)[:, None], axes, jnp.zeros_like(axes))
    return basis if out_sharding is None else jax.device_put(basis, out_sharding)


default_half_normal = half_normal()
default_full = jax.nn.initializers.variance_scaling(
    1.0, "fan_in", "normal", in_axis=1, out_axis=0
)
