"""Parameters of words that start from the classes of the texts they are in."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.anchors import class_relevance
from ant_jax.embeddings import (
    AnchorMixtureParams,
    AnchorParams,
    ClusterAdjustmentParams,
    ClusterParams,
    MixedClusterParams,
)
from experiments.text_classification.configs import ANCHORED, Config
from experiments.text_classification.input_pipeline import Prepared

# A relevance of 1 as a logit, next to Gumbel noise of a deviation of 1.3.
_LOGIT = 2.0


def relevance(config: Config, prepared: Prepared) -> Float[np.ndarray, "words classes"]:
    """How much each word says of each class, in the training texts as they are read.

    Raises:
      ValueError: there are fewer anchors, or clusters, than classes.
    """
    classes = len(prepared.classes)
    name = "clusters" if "cluster" in config.method else "anchors"
    room = getattr(config, name)
    if config.method in ANCHORED and room < classes:
        raise ValueError(
            f"Of {classes} classes each is an anchor: raise --{name}, which is {room}, "
            "or choose other --anchors_choice."
        )
    train = prepared.splits.train
    there = np.arange(train.tokens.shape[1])[None] < train.lengths[:, None]
    starts = np.cumsum(train.lengths) - train.lengths
    return class_relevance(
        train.tokens[there],
        starts,
        train.labels,
        len(prepared.words),
        classes,
        smoothing=config.class_smoothing,
    )


def start_from_classes(
    config: Config,
    embedding: Any,
    key: PRNGKeyArray,
    relevance: Float[np.ndarray, "words classes"],
) -> Any:
    """Draws parameters of a method of `CLASSED` and gives each word its classes.

    The first columns of T, or of a cluster's logits, are the classes, and those behind
    them are drawn; in a mixture the first set of anchors are the classes. A full table
    starts as `T A` of such anchors.
    """
    params, scale = embedding.init(key), config.class_scale
    match params:
        case AnchorParams():
            entries = _columns(params.transform, scale * relevance)
            return params._replace(transform=entries)
        case AnchorMixtureParams(parts=(part, *others)):
            entries = _columns(part.transform, _LOGIT * relevance)
            first = part._replace(transform=entries)
            return params._replace(parts=(first, *others))
        case ClusterAdjustmentParams() | MixedClusterParams():
            clusters = _clusters(params.clusters, relevance)
            return params._replace(clusters=clusters)
        case ClusterParams():
            return _clusters(params, relevance)
    shape = relevance.shape[1], embedding.features
    anchors = jax.random.normal(jax.random.fold_in(key, 1), shape)
    anchors *= config.anchors_stddev or 1.0
    table = jnp.asarray(scale * relevance, anchors.dtype) @ anchors
    return params._replace(embedding=table.astype(params.embedding.dtype))


def _clusters(params: ClusterParams, relevance: np.ndarray) -> ClusterParams:
    return params._replace(logits=_columns(params.logits, _LOGIT * relevance))


def _columns(
    table: Float[Array, "words anchors"], start: np.ndarray
) -> Float[Array, "words anchors"]:
    """Replaces the first columns of a table, which may lack the most frequent words."""
    rows = start[len(start) - len(table) :]
    return table.at[:, : start.shape[1]].set(jnp.asarray(rows, table.dtype))
