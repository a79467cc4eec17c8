"""Going through a large table a block of rows at a time."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Shaped

_BLOCK = 1 << 14


def over_blocks(
    make: Callable[[Array, Array, int], Array], array: Shaped[Array, "rows columns"]
) -> Shaped[Array, "rows columns"]:
    """Replaces an array block by block, so that temporaries are as small as a block.

    Args:
      make: `make(start, array, block)` returns `block` rows from `start` on, given the
        array as it is by then.
      array: what to replace.

    Returns:
      The array of all blocks.
    """
    block = min(_BLOCK, array.shape[0])
    whole, rest = divmod(array.shape[0], block)

    def put(start: Array, array: Array, block: int) -> Array:
        made = make(start, array, block)
        return lax.dynamic_update_slice_in_dim(array, made, start, axis=0)

    array = lax.fori_loop(
        jnp.int32(0),
        jnp.int32(whole),
        lambda i, array: put(i * block, array, block),
        array,
    )
    return put(jnp.int32(whole * block), array, rest) if rest else array
