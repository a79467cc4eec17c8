"""Finding embedding tables in a tree of parameters: the one place that knows how.

A leaf belongs to a table if its type or its neighbours say so, never by its own name
alone, so that a layer of the user's with a parameter `transform` is left as it is:

- a field of `AnchorParams`, `MixturePart`, `SparseParams` or `FullParams`;
- a variable of type `ant_jax.nnx.Transform`;
- a leaf `transform` beside a leaf `anchors`, as in the Flax layers.

Trees may be named tuples, dicts, dicts that were flattened (keys joined by "/" or ".",
or tuples), Linen variables, an `nnx.State` or a module. A table goes by its path,
joined by dots: "users", "params.embed"; "" at the root. Optimizer state in a train
state is passed over: its moments look like tables and are none.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import jax
import optax
from jaxtyping import Array

Tree = TypeVar("Tree")
Path = tuple[Any, ...]
Kind = Literal["anchor", "mixture", "sparse", "full"]
Role = Literal["anchors", "entries"]

# Named tuples of parameters, by type; filled where they are defined.
_PARAMS: dict[type, Kind] = {}
# What the entries of a table are called where a tree has names only; see `leaf_name`.
_ENTRIES: dict[str, Kind] = {
    "transform": "anchor",
    "mixture_transform": "mixture",
    "sparse_embedding": "sparse",
}
# Variables that hold entries, by type; filled by `ant_jax.nn.nnx`.
_VARIABLES: dict[type, Kind] = {}


class Part(NamedTuple):
    """What a leaf is to the table that it belongs to; see `find_parts`."""

    table: str
    kind: Kind
    role: Role  # "entries" are one row an object: T, or E of a table without anchors

    @property
    def sparse(self) -> bool:
        """Whether a proximal optimizer makes zeros of it."""
        return self.role == "entries" and self.kind != "full"


class Table(NamedTuple):
    """A sparse table of a tree; see `find_tables`."""

    kind: Kind
    entries: Any  # T (V, K), or the sparse E (V, d); None where it is left out
    anchors: Any  # A (K, d); None for a sparse E, or where it is left out


def find_tables(tree: Any) -> dict[str, Table]:
    """The sparse tables of a tree, by name.

    Args:
      tree: parameters; see the module for what is found.

    Returns:
      The tables in the order of the tree. Arrays are as they are in it.

    Raises:
      ValueError: there is none; the message says where it looked.

    Example:
      >>> import jax.numpy as jnp
      >>> flat = {"a/b/anchors": jnp.ones((2, 3)), "a/b/transform": jnp.ones((5, 2))}
      >>> {name: table.entries.shape for name, table in find_tables(flat).items()}
      {'a.b': (5, 2)}
      >>> find_tables({"transform": jnp.ones((5, 2))})
      Traceback (most recent call last):
      ...
      ValueError: Found no sparse table among the parameters (transform). A table is ...
    """
    found: dict[str, Table] = {}
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    parts = find_parts(tree)
    for path, leaf in leaves:
        part = parts.get(path)
        if part is None or part.kind == "full":
            continue
        table = found.setdefault(part.table, Table(part.kind, None, None))
        if getattr(table, part.role) is not None:
            raise ValueError(f"Two tables of the parameters are called {part.table!r}.")
        found[part.table] = table._replace(**{part.role: leaf})
    if not found:
        raise ValueError(_nothing_found([path for path, _ in leaves]))
    return found


def find_parts(tree: Any) -> dict[Path, Part]:
    """What every leaf that belongs to a table is to it, by its path in the tree.

    Args:
      tree: parameters; see the module for what is found.

    Returns:
      A `Part` for each of these leaves, by its path as JAX has it; nothing where there
      is no table.

    Example:
      >>> tree = {"embed": {"anchors": 0.0, "transform": 0.0}, "bias": 0.0}
      >>> [(p.table, p.role) for p in find_parts(tree).values()]
      [('embed', 'entries'), ('embed', 'anchors')]
    """
    parts: dict[Path, Part] = {}
    groups: dict[tuple[str, ...], dict[str, tuple[list[Path], Kind | None]]] = {}
    for path, node in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_stops):
        names = names_of(path)
        if "opt_state" in names:
            continue
        kind = _kind_of(node)
        if kind is not None:
            for name, role in _fields(kind):
                field = (*path, jax.tree_util.GetAttrKey(name))
                for leaf in _paths(field, getattr(node, name)):
                    parts[leaf] = Part(".".join(names), kind, role)
        elif names:
            inner = list(_paths(path, node))
            group = groups.setdefault(tuple(names[:-1]), {})
            group[names[-1]] = inner, _VARIABLES.get(type(node))
    for prefix, group in groups.items():
        for path, kind, role in _members(group):
            parts[path] = Part(".".join(prefix), kind, role)
    return parts


def map_tables(
    function: Callable[..., Any], tree: Tree, *rest: Any, full: bool = False
) -> Tree:
    """Applies `function(part, leaf, *others)` to every leaf of a table.

    Args:
      function: takes the `Part`, and the leaves of the trees there.
      tree: parameters.
      rest: trees of the same structure.
      full: whether tables without zeros, `FullParams`, are among them.

    Returns:
      `tree` with these leaves replaced.

    Example:
      >>> tree = {"anchors": 1.0, "transform": 2.0, "other": 3.0}
      >>> map_tables(lambda part, leaf: -leaf if part.sparse else leaf, tree)
      {'anchors': 1.0, 'other': 3.0, 'transform': -2.0}
    """
    parts = find_parts(tree)

    def one(path: Path, leaf: Any, *others: Any) -> Any:
        part = parts.get(path)
        if part is None or (part.kind == "full" and not full):
            return leaf
        return function(part, leaf, *others)

    return jax.tree_util.tree_map_with_path(one, tree, *rest)


def split_rows(
    tree: Tree, names: Collection[str] | None = None
) -> tuple[dict[str, Array], Tree]:
    """Takes out the arrays that have a row for every object, as lazy rows train them.

    Args:
      tree: parameters.
      names: which ones: names of tables, of which T or the full E is taken, or paths of
        single arrays, joined by dots; all tables if not given.

    Returns:
      The arrays by name, and the tree with None in their places.

    Raises:
      ValueError: there is no table, or no array, of such a name.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.embeddings import AnchorParams
      >>> params = {"users": AnchorParams(jnp.ones((1, 2)), jnp.ones((3, 1)))}
      >>> rows, rest = split_rows(params)
      >>> rows["users"].shape, rest["users"].transform
      ((3, 1), None)
      >>> join_rows(rows, rest)["users"].transform.shape
      (3, 1)
    """
    parts = find_parts(tree)
    tables = {
        path: part.table
        for path, part in parts.items()
        if part.role == "entries" and part.kind in _ROWS
    }
    rows: dict[str, Array] = {}

    def one(path: Path, leaf: Any) -> Any:
        found = [tables[path]] if path in tables else []
        if names is not None:
            array = ".".join(names_of(path))
            found = [name for name in (*found, array) if name in names]
        if not found:
            return leaf
        rows[found[0]] = leaf
        return None

    rest = jax.tree_util.tree_map_with_path(one, tree)
    missing = sorted(set(names or ()) - set(rows))
    if missing or not rows:
        known = ", ".join(sorted(map(repr, tables.values()))) or "none"
        what = f"table {missing[0]!r}" if missing else "table for lazy rows"
        raise ValueError(f"There is no {what} among the parameters; found {known}.")
    return rows, rest


def join_rows(rows: Mapping[str, Array], rest: Tree) -> Tree:
    """Puts arrays back where `split_rows` took them from.

    Args:
      rows: the arrays by name, of these or other values.
      rest: the tree with None in their places.

    Returns:
      The whole tree; see the example of `split_rows`.
    """

    def one(path: Path, leaf: Any) -> Any:
        if leaf is not None:
            return leaf
        names = names_of(path)
        return rows.get(".".join(names), rows.get(".".join(names[:-1])))

    return jax.tree_util.tree_map_with_path(one, rest, is_leaf=lambda x: x is None)


# Whose rows an optimizer may move one by one.
_ROWS = ("anchor", "full")


def register_params(params: type, kind: Kind) -> None:
    """Lets `find_parts` know a type of named tuples that are a table's parameters.

    Args:
      params: the type, with the fields of the types of that kind.
      kind: what it is.
    """
    _PARAMS[params] = kind


def register_variable(variable: type, kind: Kind) -> None:
    """Lets `find_parts` know a type of variables that hold the entries of a table.

    Args:
      variable: the type, such as `ant_jax.nnx.Transform`.
      kind: what the table is.
    """
    _VARIABLES[variable] = kind


def leaf_name(kind: Kind, field: str) -> str:
    """What a Flax layer calls a field of parameters, so that it is found by name.

    Args:
      kind: what the table is.
      field: name of the field in its named tuple.

    Returns:
      The name; that of the field unless it would be mistaken for another kind's.

    Example:
      >>> leaf_name("anchor", "transform"), leaf_name("mixture", "transform")
      ('transform', 'mixture_transform')
    """
    if kind == "mixture" and field == "transform":
        return "mixture_transform"
    return "sparse_embedding" if kind == "sparse" else field


def names_of(path: Path) -> list[str]:
    """The names on the path of a leaf, those of flattened dicts taken apart.

    Args:
      path: of a leaf, as `jax.tree_util.tree_leaves_with_path` gives it.

    Returns:
      The names, from the root.

    Example:
      >>> names_of((jax.tree_util.DictKey("encoder/embed"),))
      ['encoder', 'embed']
    """
    # A boxed parameter of Linen and a variable of NNX hold their array in a field.
    if path and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]
    names: list[str] = []
    for key in path:
        flat = getattr(key, "key", None)
        parts = flat if isinstance(flat, tuple) else [_simple(key)]
        for part in parts:
            names += str(part).replace("/", ".").split(".")
    return names


def _simple(key: Any) -> str:
    return jax.tree_util.keystr((key,), simple=True)


def _stops(node: Any) -> bool:
    # What is masked or left out still tells that there is such a neighbour.
    return (
        node is None
        or isinstance(node, optax.MaskedNode)
        or type(node) in _VARIABLES
        or _kind_of(node) is not None
    )


def _kind_of(node: Any) -> Kind | None:
    types = type(node).__mro__
    return next((_PARAMS[t] for t in types if t in _PARAMS), None)


def _fields(kind: Kind) -> tuple[tuple[str, Role], ...]:
    if kind in ("anchor", "mixture"):
        return ("anchors", "anchors"), ("transform", "entries")
    return (("embedding", "entries"),)


def _paths(path: Path, node: Any) -> Iterator[Path]:
    for inner, _ in jax.tree_util.tree_leaves_with_path(node):
        yield (*path, *inner)


def _members(
    group: Mapping[str, tuple[list[Path], Kind | None]],
) -> Iterator[tuple[Path, Kind, Role]]:
    """The leaves of one level of a tree that make a table together."""
    anchored: Kind | None = None
    for name, (paths, declared) in group.items():
        kind = declared
        if kind is None and name in _ENTRIES:
            named = _ENTRIES[name]
            kind = named if named == "sparse" or "anchors" in group else None
        if kind is None:
            continue
        if kind != "sparse":
            anchored = kind
        for path in paths:
            yield path, kind, "entries"
    if anchored is not None and "anchors" in group:
        for path in group["anchors"][0]:
            yield path, anchored, "anchors"


def _nothing_found(paths: list[Path]) -> str:
    shown = [".".join(names_of(path)) for path in paths[:8]]
    if len(paths) > len(shown):
        shown.append(f"and {len(paths) - len(shown)} more")
    return (
        f"Found no sparse table among the parameters ({', '.join(shown) or 'none'}). A "
        "table is AnchorParams or SparseParams, a layer of ant_jax.nnx or "
        "ant_jax.linen, or a leaf `transform` beside a leaf `anchors`."
    )
