"""The embedding that each method gives users and items."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.nn.initializers import Initializer
from jaxtyping import Array, PRNGKeyArray

import ant_jax as ant
from ant_jax.embeddings import half_normal, signed_basis
from experiments.recommendation.configs import Config


def make_embedding(
    config: Config, counts: np.ndarray, anchors: int
) -> ant.Embedding[Any]:
    """The embedding of the users, or of the items.

    Args:
      config: names the method and its settings.
      counts: training ratings of each of them, (V,), falling.
      anchors: how many, if the method has anchors.
    """
    return _METHODS[config.method](config, counts, anchors)


def _full(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.FullEmbedding(len(counts), _width(config), embedding_init=_table(config))


def _sparse(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.SparseEmbedding(
        len(counts), _width(config), embedding_init=_table(config)
    )


def _slimming(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.SlimmingEmbedding(
        len(counts), _width(config), embedding_init=_table(config)
    )


def _anchor(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    start: Initializer = signed_basis
    if config.anchors_start == "half_normal":
        start = half_normal(config.anchors_stddev)
        if config.biases:
            start = _LastIsZero(start)
    return ant.AnchorEmbedding(
        len(counts),
        _width(config),
        anchors,
        anchors_init=start,
        transform_init=half_normal(config.transform_stddev),
    )


def _mixed(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.MixedDimensionEmbedding.from_counts(
        # Objects of validation and test may not occur in training.
        counts + 1,
        _width(config),
        num_blocks=config.mixed_blocks,
        temperature=config.mixed_temperature,
        first_features=config.mixed_first,
        table_init=_table(config),
    )


def _hashing(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.HashingEmbedding(
        len(counts),
        _width(config),
        _share(config, counts),
        num_hashes=config.num_hashes,
        embedding_init=_table(config),
    )


def _quotient(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.QuotientRemainderEmbedding(
        len(counts),
        _width(config),
        _share(config, counts),
        remainders_init=_table(config),
    )


def _low_rank(config: Config, counts: np.ndarray, anchors: int) -> ant.Embedding[Any]:
    return ant.LowRankEmbedding(
        len(counts), _width(config), config.rank, coefficients_init=_table(config)
    )


_METHODS: dict[str, Callable[[Config, np.ndarray, int], ant.Embedding[Any]]] = {
    "ant": _anchor,
    "nbant": _anchor,
    "full": _full,
    "low_rank": _low_rank,
    "mixed_dimension": _mixed,
    "hashing": _hashing,
    "quotient_remainder": _quotient,
    "sparse_cbow": _sparse,
    "slimming": _slimming,
}


def _width(config: Config) -> int:
    return config.features + config.biases


def _share(config: Config, counts: np.ndarray) -> int:
    return max(1, round(config.table_share * len(counts)))


@functools.cache
def _half_normal(stddev: float) -> Initializer:
    return half_normal(stddev)


def _table(config: Config) -> Initializer:
    return _half_normal(config.full_stddev)


@dataclasses.dataclass(frozen=True)
class _LastIsZero:
    """Starts the feature that is the bias of an object at zero."""

    inner: Initializer

    def __call__(
        self, key: PRNGKeyArray, shape: Sequence[int], *args: Any, **kwargs: Any
    ) -> Array:
        draw: Array = self.inner(key, shape, *args, **kwargs)
        return draw.at[:, -1].set(0.0)
