"""The meaning of an id: an index into a vocabulary; negative ids count from its end."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Inexact, Int, Integer

Objects = Sequence[int] | npt.NDArray[np.integer[Any]] | Array


def check_ids(ids: ArrayLike) -> Integer[Array, "..."]:
    """Returns ids as an array; raises if they are not integers, as Flax's Embed does.

    Args:
      ids: integers of any shape.

    Returns:
      Integers of that shape.

    Raises:
      ValueError: ids are not integers, or one of them does not fit in the widest type
        that JAX has enabled, where it would wrap around to the id of another object.

    Example:
      >>> check_ids(np.array([3, -1])).tolist()
      [3, -1]
    """
    try:
        array = jnp.asarray(ids)
    except OverflowError:
        raise ValueError(_too_large(ids)) from None
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(
            f"Input type must be an integer or unsigned integer, got {array.dtype}."
        )
    # Only NumPy arrays can be wider; they can be checked without waiting.
    if isinstance(ids, np.ndarray | np.generic) and ids.size:
        limits = jnp.iinfo(array.dtype)
        for extreme in (ids.min(), ids.max()):
            if not limits.min <= extreme <= limits.max:
                raise ValueError(_too_large(extreme))
    return array


def _too_large(value: object) -> str:
    return f"Id {value} does not fit in 32 bits; set jax_enable_x64 for wider ids."


def take_rows(
    table: Inexact[Array, "vocab columns"], ids: Integer[Array, "..."]
) -> Inexact[Array, "... columns"]:
    """Rows of a table, as Flax's Embed takes them.

    Args:
      table: float (V, columns).
      ids: integers of any shape (...) and type; one in [-V, 0) counts from the end.

    Returns:
      Rows, float (..., columns); NaN for an id outside [-V, V).

    Example:
      >>> take_rows(jnp.array([[1.0], [2.0]]), jnp.array([0, -1, 2])).tolist()
      [[1.0], [2.0], [nan]]
    """
    size = table.shape[0]
    # JAX would add V to a negative id in the id's own type, where it may overflow, and
    # truncate a wide one to 32 bits.
    if ids.dtype.itemsize > 4:
        inside = ids < size
        if jnp.issubdtype(ids.dtype, jnp.signedinteger):
            inside &= ids >= -size
        ids = jnp.where(inside, ids, size)
    if ids.dtype.itemsize != 4:
        ids = ids.astype(jnp.int32)
    return jnp.take(table, ids, axis=0, mode="fill", fill_value=jnp.nan)


def locate(
    ids: Integer[Array, "..."], size: int
) -> tuple[Int[Array, "..."], Bool[Array, "..."]]:
    """The object of each id, as `take_rows` reads ids.

    Args:
      ids: integers of any shape (...) and type.
      size: size V of the vocabulary.

    Returns:
      The objects, int32 (...), each in [0, V), where an id in [-V, 0) counts from the
      end and an invalid id gives 0; and whether each id is valid, bool (...).

    Example:
      >>> objects, inside = locate(jnp.array([0, -1, 9]), 5)
      >>> objects.tolist(), inside.tolist()
      ([0, 4, 0], [True, True, False])
    """
    # A narrow type may not hold V.
    if ids.dtype.itemsize < 4:
        ids = ids.astype(jnp.int32)
    inside = ids < size
    if jnp.issubdtype(ids.dtype, jnp.signedinteger):
        inside &= ids >= -size
        ids = jnp.where(ids < 0, ids + size, ids)
    return jnp.where(inside, ids, 0).astype(jnp.int32), inside


def resolve(
    ids: Integer[Array, " batch"], size: int
) -> tuple[Int[Array, " batch"], Bool[Array, " batch"]]:
    """The row of each id, for tables that are read and written by rows.

    Args:
      ids: integers (n,) of any type; one in [-size, 0) counts from the end.
      size: number of rows of the table.

    Returns:
      Rows, int32 (n,), `size` for an invalid id; and whether each id is valid, bool
      (n,).

    Raises:
      ValueError: an id is outside [-size, size), unless under `jit`.

    Example:
      >>> rows, valid = resolve(jnp.array([0, -1]), 5)
      >>> rows.tolist(), valid.tolist()
      ([0, 4], [True, True])
    """
    if not isinstance(ids, jax.core.Tracer) and ids.size:
        seen = np.asarray(ids)
        if not (-size <= seen.min() and seen.max() < size):
            raise ValueError(
                f"Ids must be in [-{size}, {size}), got {seen.min()} to {seen.max()}."
            )
    rows, inside = locate(ids, size)
    return jnp.where(inside, rows, size), inside


def check_objects(ids: Objects | ArrayLike, size: int, name: str) -> npt.NDArray[Any]:
    """Chosen ids as an array (n,), after a check that they are distinct and in [0, V).

    Args:
      ids: integers (n,), whose order is kept.
      size: size V of the vocabulary.
      name: name of the ids in errors.

    Returns:
      Integers (n,).

    Raises:
      ValueError: they are not integers, or one is outside [0, V) or repeated.

    Example:
      >>> check_objects([3, 0], 5, "kept").tolist()
      [3, 0]
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
