"""The product of rows of T with A, reproducible to the bit on a CPU."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ant_jax.dtypes import accumulator

_SAME_WIDTH_INT = {4: jnp.int32, 8: jnp.int64}


@jax.custom_jvp
def combine(
    weights: Float[Array, "... anchors"], anchors: Float[Array, "anchors features"]
) -> Float[Array, "... features"]:
    """Weighted sums of anchors: `weights @ anchors`.

    A compiler picks the order of additions in a matrix product by its shape, so that
    the last bits of a row depend on the size of the batch. On a CPU and outside
    differentiation, the sum here runs in ascending order of the anchors and rounds
    every product first, which a few lines of NumPy reproduce exactly: evaluation gives
    what `ant_jax.compact` ships. Under `grad` and on accelerators it is the plain
    matrix product.

    Args:
      weights: float (..., K).
      anchors: float (K, d), of the same dtype.

    Returns:
      float (..., d), of the same dtype.

    Example:
      >>> combine(jnp.array([[0.0, 2.0]]), jnp.array([[1.0, 1.0], [3.0, 4.0]])).tolist()
      [[6.0, 8.0]]
    """
    return _product(weights, anchors)


@combine.defjvp
def _combine_jvp(
    primals: tuple[Array, Array], tangents: tuple[Any, Any]
) -> tuple[Array, Array]:
    (weights, anchors), (d_weights, d_anchors) = primals, tangents
    return weights @ anchors, d_weights @ anchors + weights @ d_anchors


# Compiled once for each shape, where an eager lookup would compile at every call.
@jax.jit
def _product(weights: Array, anchors: Array) -> Array:
    return lax.platform_dependent(weights, anchors, cpu=_ordered, default=jnp.matmul)


def _ordered(weights: Array, anchors: Array) -> Array:
    dtype = weights.dtype
    wide = accumulator(dtype)
    integer = _SAME_WIDTH_INT[wide.itemsize]

    def add(total: Array, column: tuple[Array, Array]) -> tuple[Array, None]:
        weight, anchor = column
        weight = weight[..., None]
        product = weight * lax.expand_dims(anchor, range(weight.ndim - 1))
        # A multiplication that feeds an addition may be fused into one rounding. The
        # xor with a zero that is unknown at compile time keeps the two apart.
        bits = lax.bitcast_convert_type(weight, integer)
        zero = (bits == jnp.iinfo(integer).max).astype(integer)
        product = lax.bitcast_convert_type(
            lax.bitcast_convert_type(product, integer) ^ zero, wide
        )
        return total + product, None

    columns = jnp.moveaxis(weights, -1, 0).astype(wide)
    start = jnp.zeros((*weights.shape[:-1], anchors.shape[1]), wide)
    total, _ = lax.scan(add, start, (columns, anchors.astype(wide)))
    if len(columns) == 1:
        # The compiler leaves out an addition to zero, which makes -0 a 0.
        total = jnp.where(total == 0, jnp.zeros_like(total), total)
    return total.astype(dtype)
