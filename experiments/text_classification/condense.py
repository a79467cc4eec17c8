"""A trained table made into a smaller one of another kind."""

from typing import Any

import numpy as np

import ant_jax as ant
from ant_jax import training
from ant_jax.anchors import largest, largest_rows, most_frequent
from ant_jax.embeddings import (
    kept_rows,
    product_quantize,
    prune_to_size,
    select_rows,
    sparse_code,
)
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import Prepared

Condensed = tuple[ant.Embedding[Any], Any]  # description and parameters


def condense(
    config: Config,
    prepared: Prepared,
    embedding: ant.Embedding[Any],
    params: Any,
    limit: int | None,
) -> Condensed:
    """What a method of `CONDENSED` makes of the table that it trained.

    Args:
      config: names the method.
      prepared: the data.
      embedding: what was trained.
      params: its parameters.
      limit: most embedding parameters; None for what the method says by itself.

    Raises:
      CollapsedError: a group lasso left no word.
      ValueError: the limit leaves no room for a single word.
    """
    make = {
        "group_lasso": _group_lasso,
        "vvd": _vvd,
        "sparse_coding": _sparse_coding,
        "product_quantization": _product_quantization,
    }[config.method]
    return make(config, prepared, embedding, params, limit)


def check_limits(config: Config) -> None:
    """Refuses budgets that no condensed table can meet.

    Raises:
      ValueError: the smallest budget has no room for what the method needs at least.
    """
    if not config.limits:
        return
    least = {
        "group_lasso": 2 * config.features,
        "vvd": 2 * config.features,
        "sparse_coding": config.anchors * (config.features + 1),
        "product_quantization": config.features,
        "ant": config.anchors * config.features,
        "anchor_mixture": (config.anchors + config.mixture_anchors) * config.features,
    }.get(config.method, 0)
    if config.limits[-1] < least:
        raise ValueError(
            f"budgets ask for {config.limits[-1]} parameters, but {config.method} "
            f"needs at least {least}: raise --budgets, or lower --features or "
            "--anchors."
        )


def _group_lasso(
    config: Config, prepared: Prepared, embedding: Any, params: Any, limit: int | None
) -> Condensed:
    kept = kept_rows(params)
    if not len(kept):
        raise training.CollapsedError(
            "The vector of every word is zero. Lower --group_lasso and start again."
        )
    if limit is not None:
        kept = largest_rows(params.embedding, _room(limit, config, len(kept)))
    return select_rows(embedding, params, kept)


def _vvd(
    config: Config, prepared: Prepared, embedding: Any, params: Any, limit: int | None
) -> Condensed:
    if limit is None:
        return embedding.shrink(params)
    table = ant.FullEmbedding(embedding.num_embeddings, embedding.features)
    scores = -np.asarray(params.log_alpha)[:, 0]
    kept = largest(scores, _room(limit, config, len(scores)))
    return select_rows(table, ant.FullParams(params.mean), kept)


def _room(limit: int, config: Config, most: int) -> int:
    """Words whose vectors fit beside the one that all others share."""
    return min(limit // config.features - 1, most)


def _sparse_coding(
    config: Config, prepared: Prepared, embedding: Any, params: Any, limit: int | None
) -> Condensed:
    words = most_frequent(prepared.counts, config.anchors)
    coded, values = sparse_code(params.embedding, words, config.code_l1)
    if limit is not None:
        values = prune_to_size(values, limit - values.anchors.size)
    return coded, values


def _product_quantization(
    config: Config, prepared: Prepared, embedding: Any, params: Any, limit: int | None
) -> Condensed:
    codes = config.codes
    if limit is not None:
        codes = min(limit // config.features, codes)
    return product_quantize(
        params.embedding, config.code_groups, codes, seed=config.seed
    )
