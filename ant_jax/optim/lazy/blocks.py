"""Processing a large table one block of rows at a time."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Shaped

_BLOCK = 1 << 14


def over_blocks(
    make: Callable[[Array, Array, int], Array], array: Shaped[Array, "rows columns"]
) -> Shaped[Array, "rows columns"]:
    """Replaces an array block by block, so that temporaries are no larger than a block.

    Args:
      make: `make(start, array, block)` returns `block` new rows from row `start` on,
        given the array with the blocks before `start` already replaced.
      array: array to replace, (rows, columns).

    Returns:
      The array of all new blocks.

    Example:
      >>> def add_one(start, array, block):
      ...     return lax.dynamic_slice_in_dim(array, start, block) + 1
      >>> over_blocks(add_one, jnp.zeros((3, 1))).tolist()
      [[1.0], [1.0], [1.0]]
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
