"""Ids as places in a vocabulary, for tables that are not indexed by the ids."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Integer


def locate(
    ids: Integer[Array, "..."], size: int
) -> tuple[Int[Array, "..."], Bool[Array, "..."]]:
    """The object that each id means, as `take_rows` reads ids.

    Args:
      ids: integers of any shape (...) and type.
      size: size V of the vocabulary.

    Returns:
      The objects, int32 (...), each in [0, V), an id in [-V, 0) counted from the end;
      and whether there is such an object, bool (...). Where there is none, the first
      is 0.
    """
    # A narrow type may not hold V.
    if ids.dtype.itemsize < 4:
        ids = ids.astype(jnp.int32)
    inside = ids < size
    if jnp.issubdtype(ids.dtype, jnp.signedinteger):
        inside &= ids >= -size
        ids = jnp.where(ids < 0, ids + size, ids)
    return jnp.where(inside, ids, 0).astype(jnp.int32), inside
