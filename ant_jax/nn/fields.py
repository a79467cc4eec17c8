"""Parameters of a description as a Flax layer holds them: by name, nested.

The functions of a description take named tuples, in which others may be nested. A layer
has the same arrays under the same names, but for two kinds of entries whose name alone
has to tell what they are, see `ant_jax.params.leaf_name`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ant_jax.embeddings.base import Embedding
from ant_jax.params import Kind, find_parts, leaf_name, names_of


@dataclasses.dataclass(frozen=True)
class Field:
    """An array among the parameters of a description.

    Attributes:
      path: its names in a Flax tree, such as ("parts", "0", "anchors").
      shape: shape of the array.
      trained: whether there are gradients for it; integers have none.
      kind: the kind of table whose entries these are, where an optimizer makes zeros of
        them, else None.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]
    trained: bool
    kind: Kind | None

    @property
    def name(self) -> str:
        """The path, joined by dots."""
        return ".".join(self.path)


def fields_of(params: Any) -> Any:
    """The parameters with a `Field` in place of every array."""
    parts = find_parts(params)

    def one(path: tuple[Any, ...], leaf: Any) -> Field:
        names, part = names_of(path), parts.get(path)
        if part is not None:
            names[-1] = leaf_name(part.kind, names[-1])
        return Field(
            path=tuple(names),
            shape=tuple(leaf.shape),
            trained=bool(jnp.issubdtype(leaf.dtype, jnp.inexact)),
            kind=part.kind if part is not None and part.sparse else None,
        )

    return jax.tree_util.tree_map_with_path(one, params)


def by_name(fields: Any, params: Any) -> dict[str, Any]:
    """The parameters as nested dicts. Boxes around arrays stay around them."""
    tree: dict[str, Any] = {}
    treedef: Any
    found, treedef = jax.tree.flatten(fields)
    for field, value in zip(found, treedef.flatten_up_to(params), strict=True):
        *outer, last = field.path
        node = tree
        for name in outer:
            node = node.setdefault(name, {})
        node[last] = value
    return tree


def from_names(fields: Any, tree: Mapping[str, Any]) -> Any:
    """The parameters that `by_name` made nested dicts of.

    Raises:
      ValueError: one is missing, or has another shape.
    """

    def one(field: Field) -> Any:
        node: Any = tree
        for name in field.path:
            if not isinstance(node, Mapping) or name not in node:
                raise ValueError(
                    f"There is no {field.name!r} among the parameters of this layer, "
                    f"only {', '.join(sorted(map(repr, tree))) or 'nothing'}."
                )
            node = node[name]
        return node

    params = jax.tree.map(one, fields)
    check(fields, params)
    return params


def check(fields: Any, params: Any) -> None:
    """Refuses parameters of another structure or shape.

    Raises:
      ValueError: saying what differs.
    """
    ours: Any = jax.tree.structure(fields)
    if jax.tree.structure(params) != ours:
        raise ValueError(
            f"The parameters of this layer are {type(fields).__name__}, got "
            f"{type(params).__name__}."
            if type(params) is not type(fields)
            else f"These {type(params).__name__} do not have the fields of this layer."
        )
    for field, value in zip(
        jax.tree.leaves(fields), jax.tree.leaves(params), strict=True
    ):
        if jnp.shape(value) != field.shape:
            raise ValueError(
                f"{field.name!r} has the shape {jnp.shape(value)}, but that of this "
                f"layer is {field.shape}."
            )


def check_description(description: Any) -> None:
    """Refuses what is no description of an embedding.

    Raises:
      ValueError: it is none.
    """
    if isinstance(description, type) or not isinstance(description, Embedding):
        got = (
            f"the class {description.__name__}"
            if isinstance(description, type)
            else type(description).__name__
        )
        raise ValueError(
            "The first argument must be a description of ant_jax.embeddings, such as "
            f"AnchorEmbedding(num_embeddings, features, num_anchors), got {got}."
        )
