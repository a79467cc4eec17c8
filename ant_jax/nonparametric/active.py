"""How many of the anchors that tables have room for are in use."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Shaped

from ant_jax.params import Part, find_parts, find_tables, map_tables

# How many anchors are in use: of every table, or of each by name, others in full.
Active = ArrayLike | Mapping[str, ArrayLike]

# The axis that counts anchors, in A (..., K, d) and in T (..., V, K); an ensemble has
# more axes in front.
_AXES = {"anchors": -2, "entries": -1}
_ANCHORED = ("anchor", "mixture")


def num_anchors(params: Any) -> dict[str, int]:
    """How many anchors every table has room for, by its name.

    Args:
      params: a pytree with tables of anchors, see `ant_jax.params`; A or T may be
        missing.

    Returns:
      The number K of each table; nothing where there is no table of anchors.

    Raises:
      ValueError: A and T of a table differ in it.

    Example:
      >>> import ant_jax as ant
      >>> table = ant.AnchorEmbedding(5, features=2, num_anchors=3)
      >>> num_anchors({"users": table.init(jax.random.key(0)), "bias": jnp.zeros(5)})
      {'users': 3}
    """
    parts = find_parts(params)
    found: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        part = parts.get(path)
        if part is None or part.kind not in _ANCHORED or jnp.ndim(leaf) < 2:
            continue
        size = leaf.shape[_AXES[part.role]]
        if found.setdefault(part.table, size) != size:
            raise ValueError(
                f"The table {part.table!r} has anchors and transform of "
                f"{found[part.table]} and {size} anchors."
            )
    return found


def transforms(params: Any) -> set[str]:
    """The names of the tables of which T is in a pytree."""
    parts = find_parts(params).values()
    return {p.table for p in parts if p.kind in _ANCHORED and p.role == "entries"}


def map_active(
    function: Callable[..., Any], active: Active, params: Any, *rest: Any
) -> Any:
    """Applies a function to A and T of every table of which not all may be in use.

    Args:
      function: `function(part, count, leaf, *others)`, with the count of active anchors
        of the leaf's table.
      active: see `Active`.
      params: a pytree.
      rest: pytrees of the same structure.

    Returns:
      `params` with these leaves replaced.

    Raises:
      ValueError: `active` names a table that there is not.
    """
    if isinstance(active, Mapping):
        check_names(active, params)

    def one(part: Part, leaf: Any, *others: Any) -> Any:
        count = count_of(active, part.table)
        if count is None or part.kind not in _ANCHORED or jnp.ndim(leaf) < 2:
            return leaf
        return function(part, count, leaf, *others)

    return map_tables(one, params, *rest)


def count_of(active: Active, table: str) -> ArrayLike | None:
    """The count of active anchors of a table; None where all are."""
    return active.get(table) if isinstance(active, Mapping) else active


def check_any(params: Any) -> None:
    """Refuses a tree without a table of anchors.

    Raises:
      ValueError: saying where it looked.
    """
    if not num_anchors(params):
        found = find_tables(params)  # raises where there is no table at all
        raise ValueError(
            f"No table of the parameters has anchors; {', '.join(found)} have none."
        )


def check_names(active: Mapping[str, Any], params: Any) -> None:
    """Refuses names of tables that there are not.

    Raises:
      ValueError: naming the tables that there are.
    """
    known = sorted(num_anchors(params))
    unknown = sorted(set(active) - set(known))
    if unknown:
        raise ValueError(
            f"There is no table {unknown[0]!r} among the parameters; tables of anchors "
            f"are {known}."
        )


def check_counts(active: Mapping[str, int], params: Any) -> None:
    """Refuses counts that the tables have no room for.

    Raises:
      ValueError: there is no such table, or a count is not in [1, K] with room for K.
    """
    check_names(active, params)
    room = num_anchors(params)
    for table, count in active.items():
        if not 1 <= count <= room[table]:
            raise ValueError(
                f"The table {table!r} has room for {room[table]} anchors and needs at "
                f"least 1, so {count} cannot be active: make it with more num_anchors, "
                "or lower max_anchors."
            )


def columns(count: ArrayLike, size: int) -> Bool[Array, " anchors"]:
    """True for the first `count` of `size` anchors."""
    return jnp.arange(size, dtype=jnp.int32) < jnp.asarray(count, jnp.int32)


def axis_of(part: Part) -> int:
    """The axis of A or T that counts anchors, from the end."""
    return _AXES[part.role]


def spread(
    part: Part, count: ArrayLike, leaf: Shaped[Array, "*models rows columns"]
) -> Bool[Array, "*models rows columns"]:
    """True where an entry of A or T belongs to one of the first `count` anchors."""
    axis = axis_of(part)
    line = columns(count, leaf.shape[axis])
    line = line[:, None] if axis == -2 else line[None, :]
    return jnp.broadcast_to(line, leaf.shape)
