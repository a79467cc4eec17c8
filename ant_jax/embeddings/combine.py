"""The product of rows of T with A, reproducible to the bit on a CPU."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ant_jax.numerics import accumulator

_SAME_WIDTH_INT = {4: jnp.int32, 8: jnp.int64}


@jax.custom_jvp
def combine(
    weights: Float[Array, "... anchors"], anchors: Float[Array, "anchors features"]
) -> Float[Array, "... features"]:
    """Weighted sums of anchors: `weights @ anchors`, float (..., K) -> (..., d).

    A compiler picks the order of additions of a matrix product by its shape, so the
    same row looked up in batches of two sizes differs in its last bits. Outside
    differentiation on a CPU the sum here runs in ascending order of the anchors with
    every product rounded first, which a few lines of NumPy repeat exactly: what is
    evaluated is what `ant_jax.compact` ships. Under `grad` and on accelerators it is
    the plain matrix product.
    """
    return lax.platform_dependent(weights, anchors, cpu=_ordered, default=jnp.matmul)


@combine.defjvp
def _combine_jvp(
    primals: tuple[Array, Array], tangents: tuple[Any, Any]
) -> tuple[Array, Array]:
    (weights, anchors), (d_weights, d_anchors) = primals, tangents
    return weights @ anchors, d_weights @ anchors + weights @ d_anchors


def _ordered(weights: Array, anchors: Array) -> Array:
    dtype = weights.dtype
    wide = accumulator(dtype)
    integer = _SAME_WIDTH_INT[wide.itemsize]

    def add(total: Array, column: tuple[Array, Array]) -> tuple[Array, None]:
        weight, anchor = column
        weight = weight[..., None]
        product = weight * lax.expand_dims(anchor, range(weight.ndim - 1))
        # A multiplication feeding an addition may be contracted into one rounding. This
        # xor with a zero that only the run can know keeps the two apart.
        bits = lax.bitcast_convert_type(weight, integer)
        zero = (bits == jnp.iinfo(integer).max).astype(integer)
        product = lax.bitcast_convert_type(
            lax.bitcast_convert_type(product, integer) ^ zero, wide
        )
        return total + product, None

    columns = jnp.moveaxis(weights, -1, 0).astype(wide)
    start = jnp.zeros((*weights.shape[:-1], anchors.shape[1]), wide)
    total, _ = lax.scan(add, start, (columns, anchors.astype(wide)))
    return total.astype(dtype)
