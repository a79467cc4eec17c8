"""Ids as places in a vocabulary, for tables that are not indexed by the ids."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Int, Integer

Objects = Sequence[int] | npt.NDArray[np.integer[Any]] | Array


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


def check_objects(ids: Objects | ArrayLike, size: int, name: str) -> npt.NDArray[Any]:
    """Ids that were chosen, as an array (n,), each in [0, V) and none twice.

    Args:
      ids: integers (n,) in any order, which is kept.
      size: size V of the vocabulary.
      name: what errors call them by.

    Raises:
      ValueError: they are not integers, one is outside [0, V), or is given twice.
    """
    array = np.asarray(ids)
    array = array if array.size else np.zeros(0, np.intp)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError(
            f"{name} must be a sequence of integers, got {array.dtype} {array.shape}."
        )
    ordered = np.sort(array)
    if array.size and (ordered[0] < 0 or ordered[-1] >= size):
        wrong = ordered[0] if ordered[0] < 0 else ordered[-1]
        raise ValueError(f"{name} holds {wrong}, which is outside [0, {size}).")
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if twice.size:
        raise ValueError(f"{name} holds {twice[0]} more than once.")
    return array
