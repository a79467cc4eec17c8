"""The embedding that each method trains."""

from collections.abc import Callable
from typing import Any

import jax
from jax.nn.initializers import Initializer

import ant_jax as ant
from ant_jax.anchors import largest, most_frequent, tf_idf
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    HashEmbedding,
    MixedClusterEmbedding,
    SelectedEmbedding,
    SparseVariationalEmbedding,
    SparseVariationalVocabularyEmbedding,
    VariationalVocabularyEmbedding,
    half_normal,
    signed_basis,
)
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import Prepared


def make_embedding(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    """The embedding of the words of a vocabulary.

    Args:
      config: names the method and its settings.
      prepared: the data, whose words are numbered by falling frequency.
    """
    return _METHODS[config.method](config, prepared)


def _anchor(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    start: Initializer = {
        "normal": jax.nn.initializers.normal(config.anchors_stddev or 1.0),
        "half_normal": half_normal(config.anchors_stddev),
        "signed_basis": signed_basis,
    }[config.anchors_start]
    return ant.AnchorEmbedding(
        len(prepared.words),
        config.features,
        config.anchors,
        anchors_init=start,
        transform_init=half_normal(config.transform_stddev),
    )


def _mixture(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return AnchorMixtureEmbedding(
        len(prepared.words),
        config.features,
        (config.anchors, config.mixture_anchors),
        anchors_init=_table(config),
    )


def _full(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return ant.FullEmbedding(
        len(prepared.words), config.features, embedding_init=_table(config)
    )


def _low_rank(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return ant.LowRankEmbedding(len(prepared.words), config.features, config.rank)


def _most_frequent(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return _selected(config, prepared, most_frequent(prepared.counts, _kept(config)))


def _tf_idf(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    documents = len(prepared.splits.train.labels)
    scores = tf_idf(prepared.counts, prepared.documents, documents)
    return _selected(config, prepared, largest(scores, _kept(config)))


def _selected(config: Config, prepared: Prepared, kept: Any) -> ant.Embedding[Any]:
    return SelectedEmbedding(
        len(prepared.words), config.features, kept, embedding_init=_table(config)
    )


def _kept(config: Config) -> int:
    return config.kept_words


def _vvd(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return VariationalVocabularyEmbedding(
        len(prepared.words),
        config.features,
        mean_init=_table(config),
        # From the authors' random start, rare words would end a short run as they
        # were drawn, and some of them before those that the task needs.
        log_alpha_init=jax.nn.initializers.zeros,
    )


def _sparse_vd(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return SparseVariationalEmbedding(
        len(prepared.words), config.features, mean_init=_table(config)
    )


def _sparse_vd_voc(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return SparseVariationalVocabularyEmbedding(
        len(prepared.words), config.features, mean_init=_table(config)
    )


def _hashing(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return ant.HashingEmbedding(
        len(prepared.words),
        config.features,
        config.buckets,
        config.num_hashes,
        seed=config.seed,
        embedding_init=_table(config),
    )


def _hash_embedding(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return HashEmbedding(
        len(prepared.words),
        config.features,
        config.buckets,
        max(2, config.num_hashes),
        seed=config.seed,
        embedding_init=_table(config),
    )


def _cluster(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return ClusterEmbedding(
        len(prepared.words),
        config.features,
        config.clusters,
        temperature=config.temperature,
        straight_through=config.straight_through,
        embedding_init=_table(config),
    )


def _cluster_adjustment(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return ClusterAdjustmentEmbedding(
        len(prepared.words),
        config.features,
        config.clusters,
        config.adjustment_features,
        temperature=config.temperature,
        straight_through=config.straight_through,
        embedding_init=_table(config),
        adjustment_init=_table(config),
    )


def _mixed_cluster(config: Config, prepared: Prepared) -> ant.Embedding[Any]:
    return MixedClusterEmbedding(
        len(prepared.words),
        config.features,
        config.clusters,
        config.kept_words,
        temperature=config.temperature,
        straight_through=config.straight_through,
        frequent_init=_table(config),
        embedding_init=_table(config),
    )


def _table(config: Config) -> Initializer:
    return jax.nn.initializers.normal(config.table_stddev)


_METHODS: dict[str, Callable[[Config, Prepared], ant.Embedding[Any]]] = {
    "ant": _anchor,
    "anchor_mixture": _mixture,
    "cluster": _cluster,
    "cluster_adjustment": _cluster_adjustment,
    "mixed_cluster": _mixed_cluster,
    "full": _full,
    "most_frequent": _most_frequent,
    "tf_idf": _tf_idf,
    "group_lasso": _full,
    "vvd": _vvd,
    "sparse_vd": _sparse_vd,
    "sparse_vd_voc": _sparse_vd_voc,
    "sparse_coding": _full,
    "product_quantization": _full,
    "hashing": _hashing,
    "hash_embedding": _hash_embedding,
    "low_rank": _low_rank,
}
