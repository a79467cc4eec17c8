"""A trained table made into a smaller one of another kind."""

from typing import Any

import numpy as np

import ant_jax as ant
from ant_jax.anchors import largest, largest_rows, most_frequent
from ant_jax.embeddings import kept_rows, product_quantize, select_rows, sparse_code
from ant_jax.pruning import prune_to_size
from experiments.runner.config import TrainingConfig
from experiments.runner.errors import CollapsedError
from experiments.runner.methods import Objects

Condensed = tuple[ant.Embedding[Any], Any]  # description and parameters


def condense(
    config: TrainingConfig,
    objects: Objects,
    embedding: Any,
    params: Any,
    anchors: int,
    limit: int | None,
) -> Condensed:
    """What a method of `CONDENSED` makes of the table that it trained.

    Args:
      config: names the method.
      objects: what the rows stand for.
      embedding: what was trained.
      params: its parameters.
      anchors: how many, if the method has anchors.
      limit: most embedding parameters; None for the method's own size.

    Raises:
      CollapsedError: a group lasso left no object.
      ValueError: the limit leaves no room for a single vector.
    """
    # Vectors that fit beside the one that all other objects share.
    room = None if limit is None else limit // config.features - 1
    match config.method:
        case "group_lasso":
            return _group_lasso(embedding, params, room)
        case "vvd":
            return _vvd(embedding, params, room)
        case "sparse_coding":
            base = most_frequent(objects.counts, anchors)
            coded, values = sparse_code(params.embedding, base, config.code_l1)
            if limit is not None:
                values = prune_to_size(values, limit - values.anchors.size)
            return coded, values
    codes = config.codes
    if limit is not None:
        codes = min(limit // config.features, codes)
    return product_quantize(
        params.embedding, config.code_groups, codes, seed=config.seed
    )


def _group_lasso(embedding: Any, params: Any, room: int | None) -> Condensed:
    kept = kept_rows(params)
    if not len(kept):
        raise CollapsedError(
            "The vector of every object is zero. Lower --group_lasso and start again."
        )
    if room is not None:
        kept = largest_rows(params.embedding, min(room, len(kept)))
    return select_rows(embedding, params, kept)


def _vvd(embedding: Any, params: Any, room: int | None) -> Condensed:
    if room is None:
        return embedding.shrink(params)
    table = ant.FullEmbedding(embedding.num_embeddings, embedding.features)
    scores = -np.asarray(params.log_alpha)[:, 0]
    kept = largest(scores, min(room, len(scores)))
    return select_rows(table, ant.FullParams(params.mean), kept)
