"""The tables that a layer, a module or any tree of parameters has, to be shipped.

This needs JAX, so `save` imports it only when it is given such a tree.
"""

import sys
from types import ModuleType
from typing import Any

import jax

from ant_jax.embeddings.describe import describe_tables
from ant_jax.params import find_parts, find_tables, names_of


def tables_of(tree: Any) -> dict[str, tuple[Any, Any]]:
    """The tables of a tree as descriptions and parameters, by name.

    Args:
      tree: a layer of `ant_jax.nnx` or a module that has some, or parameters as
        `ant_jax.params` finds tables in them. Layers know their description, so those
        of any method are found; of bare parameters only sparse tables are.

    Returns:
      Descriptions and parameters as they are shipped: of a method that drops entries or
      words only outside of training, what its `shrink` leaves.

    Raises:
      ValueError: there is no table, or a Linen layer without its variables.
    """
    if (layer := _linen_layer(tree)) is not None:
        return {"": layer}
    found: dict[str, tuple[Any, Any]] = {}
    # There is no module where nobody has imported NNX.
    nnx = sys.modules.get("flax.nnx")
    bare = tree
    if nnx is not None:
        treedef: Any
        leaves, treedef = jax.tree_util.tree_flatten_with_path(
            tree, is_leaf=lambda node: isinstance(node, nnx.Module)
        )
        for path, leaf in leaves:
            if isinstance(leaf, nnx.Module):
                found |= _of_module(names_of(path), leaf, nnx)
        bare = treedef.unflatten(
            [None if isinstance(leaf, nnx.Module) else leaf for _, leaf in leaves]
        )
    found |= _described(bare)
    if not found:
        find_tables(tree)  # says where it looked
    return found


def _of_module(
    prefix: list[str], module: Any, nnx: ModuleType
) -> dict[str, tuple[Any, Any]]:
    """Its layers, and the tables that are in none."""
    found: dict[str, tuple[Any, Any]] = {}
    layers = sys.modules.get("ant_jax.nn.nnx")
    # Each node comes once, so that a layer that two modules share is shipped once.
    nodes = [
        (".".join([*prefix, *map(str, path)]), node)
        for path, node in nnx.iter_graph(module)
    ]
    owned: set[int] = set()
    for name, node in nodes:
        if layers is not None and isinstance(node, layers.Embed):
            found[name] = _shipped(node.description, node.params)
            owned |= {id(inner) for _, inner in nnx.iter_graph(node)}
    rest = {
        name: node
        for name, node in nodes
        if isinstance(node, nnx.Variable) and id(node) not in owned
    }
    return found | _described(rest)


def _described(tree: Any) -> dict[str, tuple[Any, Any]]:
    if any(part.kind != "full" for part in find_parts(tree).values()):
        return describe_tables(tree)
    return {}


def _shipped(description: Any, params: Any) -> tuple[Any, Any]:
    if hasattr(description, "shrink"):
        emb, params = description.shrink(params)
        return emb, params
    return description, params


def _linen_layer(tree: Any) -> tuple[Any, Any] | None:
    linen = sys.modules.get("ant_jax.nn.linen")
    if linen is None or not isinstance(tree, linen.Layer):
        return None
    return _shipped(tree.description, tree.params)
