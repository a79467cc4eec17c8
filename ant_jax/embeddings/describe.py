"""From the tables in a tree of parameters back to their descriptions."""

from typing import Any

from ant_jax.embeddings.anchor import AnchorEmbedding, AnchorParams
from ant_jax.embeddings.anchor_mixture import (
    AnchorMixtureEmbedding,
    AnchorMixtureParams,
    MixturePart,
)
from ant_jax.embeddings.sparse import SparseEmbedding, SparseParams
from ant_jax.params import Table, find_tables


def describe_tables(tree: Any) -> dict[str, tuple[Any, Any]]:
    """The sparse tables of a tree, as descriptions with their parameters, by name.

    A mixture of anchors is one table of several parts.

    Args:
      tree: parameters, see `ant_jax.params.find_tables`.

    Returns:
      A description and parameters for each table.

    Raises:
      ValueError: there is no table, or A or T of one is missing.

    Example:
      >>> import jax.numpy as jnp
      >>> tree = {"words": {"anchors": jnp.ones((2, 3)), "transform": jnp.ones((5, 2))}}
      >>> emb, params = describe_tables(tree)["words"]
      >>> emb.num_embeddings, emb.features, emb.num_anchors, params.anchors.shape
      (5, 3, 2, (2, 3))
    """
    described: dict[str, tuple[Any, Any]] = {}
    mixtures: dict[str, list[Table]] = {}
    for name, table in find_tables(tree).items():
        if table.entries is None or (table.kind != "sparse" and table.anchors is None):
            missing = "transform" if table.entries is None else "anchors"
            raise ValueError(f"The table {name!r} lacks its {missing}.")
        shape, dtype = table.entries.shape, table.entries.dtype
        if len(shape) != 2:
            raise ValueError(
                f"The table {name!r} has entries of the shape {shape}, those of "
                "several models: pass one of them."
            )
        if table.kind == "mixture":
            # "table.parts.0" -> "table"
            mixtures.setdefault(".".join(name.split(".")[:-2]), []).append(table)
        elif table.kind == "sparse":
            vocab, features = table.entries.shape
            emb = SparseEmbedding(vocab, features, param_dtype=dtype)
            described[name] = emb, SparseParams(table.entries)
        else:
            vocab, features = len(table.entries), table.anchors.shape[1]
            described[name] = (
                AnchorEmbedding(vocab, features, len(table.anchors), param_dtype=dtype),
                AnchorParams(table.anchors, table.entries),
            )
    for name, tables in mixtures.items():
        described[name] = (
            AnchorMixtureEmbedding(
                len(tables[0].entries),
                tables[0].anchors.shape[1],
                tuple(len(table.anchors) for table in tables),
                param_dtype=tables[0].entries.dtype,
            ),
            AnchorMixtureParams(
                tuple(MixturePart(table.anchors, table.entries) for table in tables)
            ),
        )
    return described
