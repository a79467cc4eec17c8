"""Finding the tables of anchors in a pytree, and the columns of theirs that are in use.

A leaf is part of a table when the last name on its path is `anchors` or `transform`,
which is what `AnchorParams` and both `AnchorEmbed` modules call A and T. The table goes
by the rest of the path, joined by dots: "users", "params.embed"; "" at the root.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Shaped

# How many anchors are in use: of every table, or of each by name, others in full.
Active = ArrayLike | Mapping[str, ArrayLike]

_AXES = {"anchors": 0, "transform": 1}  # of the anchors, in A (K, d) and in T (V, K)


class Place(NamedTuple):
    """Where in a table a leaf belongs."""

    table: str
    axis: int  # the one that counts anchors


def num_anchors(params: Any) -> dict[str, int]:
    """How many anchors every table has room for, by its name.

    Args:
      params: a pytree: Flax variables, an `nnx.State`, `AnchorParams`, or a nest of
        them; A or T may be missing.

    Raises:
      ValueError: A and T of a table differ in it.

    Example:
      >>> import ant_jax as ant
      >>> table = ant.AnchorEmbedding(5, features=2, num_anchors=3)
      >>> num_anchors({"users": table.init(jax.random.key(0)), "bias": jnp.zeros(5)})
      {'users': 3}
    """
    found: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        place = place_of(path, leaf)
        if place is None:
            continue
        size = leaf.shape[place.axis]
        if found.setdefault(place.table, size) != size:
            raise ValueError(
                f"The table {place.table!r} has anchors and transform of "
                f"{found[place.table]} and {size} anchors."
            )
    return found


def transforms(params: Any) -> set[str]:
    """The names of the tables of which T is in a pytree."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    places = [place_of(path, leaf) for path, leaf in leaves]
    return {place.table for place in places if place is not None and place.axis == 1}


def map_tables(
    function: Callable[..., Any], active: Active, params: Any, *rest: Any
) -> Any:
    """Applies a function to A and T of every table of which not all may be in use.

    Args:
      function: `function(place, count, leaf, *others)`, with the count of active
        anchors of the leaf's table.
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

    def one(path: tuple[Any, ...], leaf: Any, *others: Any) -> Any:
        place = place_of(path, leaf)
        count = None if place is None else count_of(active, place.table)
        return leaf if count is None else function(place, count, leaf, *others)

    return jax.tree_util.tree_map_with_path(one, params, *rest)


def count_of(active: Active, table: str) -> ArrayLike | None:
    """The count of active anchors of a table; None where all are."""
    return active.get(table) if isinstance(active, Mapping) else active


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


def spread(
    place: Place, count: ArrayLike, leaf: Shaped[Array, "rows columns"]
) -> Bool[Array, "rows columns"]:
    """True where an entry of A or T belongs to one of the first `count` anchors."""
    line = columns(count, leaf.shape[place.axis])
    return jnp.broadcast_to(jnp.expand_dims(line, 1 - place.axis), leaf.shape)


def place_of(path: tuple[Any, ...], leaf: Any) -> Place | None:
    """Where a leaf of a pytree belongs, if it is part of a table."""
    names = names_of(path)
    if not names or names[-1] not in _AXES or getattr(leaf, "ndim", 0) != 2:
        return None
    return Place(".".join(names[:-1]), _AXES[names[-1]])


def names_of(path: tuple[Any, ...]) -> list[str]:
    """The names on the path of a leaf."""
    names = [jax.tree_util.keystr((key,), simple=True) for key in path]
    if names and names[-1] == "value":  # an NNX variable holds its array there
        names.pop()
    return names
