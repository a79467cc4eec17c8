"""The embedding methods, for the tables of every program."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.nn.initializers import Initializer
from jaxtyping import Array

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.anchors import largest, most_frequent, tf_idf
from ant_jax.embeddings import half_normal, signed_basis

if TYPE_CHECKING:
    from experiments.runner.config import TrainingConfig as Config

# What becomes of a table once it is trained: entries are pruned, or it is made into
# one of another kind. All others are shipped as they are.
SPARSE = (
    "ant",
    "nbant",
    "anchor_mixture",
    "sparse_cbow",
    "slimming",
    "sparse_vd",
    "sparse_vd_voc",
)
CONDENSED = ("group_lasso", "vvd", "sparse_coding", "product_quantization")
METHODS = (
    "ant",
    "nbant",
    "anchor_mixture",
    "cluster",
    "cluster_adjustment",
    "mixed_cluster",
    "full",
    "low_rank",
    "mixed_dimension",
    "hashing",
    "hash_embedding",
    "quotient_remainder",
    "most_frequent",
    "tf_idf",
    "sparse_cbow",
    "slimming",
    "group_lasso",
    "vvd",
    "sparse_vd",
    "sparse_vd_voc",
    "sparse_coding",
    "product_quantization",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
    """What is known of the objects of a table.

    Attributes:
      counts: occurrences of each in training, int64 (V,), falling.
      documents: in how many documents each occurs, int64 (V,); None without documents.
      num_documents: how many documents there are.
      seed: seed of hash functions.
    """

    counts: np.ndarray
    documents: np.ndarray | None = None
    num_documents: int = 0
    seed: int = 0

    def __len__(self) -> int:
        return len(self.counts)


def make_embedding(
    config: "Config", objects: Objects, features: int, anchors: int
) -> ant.Embedding[Any]:
    """The embedding of a table.

    Args:
      config: names the method and its settings.
      objects: what the rows stand for.
      features: length of a vector.
      anchors: how many, if the method has anchors.
    """
    return _METHODS[config.method](config, objects, features, anchors)


def check_sizes(config: "Config", size: int) -> None:
    """Refuses sizes that a table has too few objects for.

    Args:
      config: the settings.
      size: number V of objects.

    Raises:
      SettingError: naming the setting.
    """
    own = config.kept_objects if config.method == "mixed_cluster" else 0
    anchors = dict.fromkeys(config.ANCHORS.values(), size)
    limits = {
        "ant": anchors,
        "anchor_mixture": anchors | {"mixture_anchors": size},
        "cluster": {"clusters": size},
        "cluster_adjustment": {"clusters": size},
        "mixed_cluster": {"kept_objects": size - 1, "clusters": size - own},
        "most_frequent": {"kept_objects": size},
        "tf_idf": {"kept_objects": size},
        "sparse_coding": anchors,
        "product_quantization": {"codes": size},
    }
    for name, most in limits.get(config.method, {}).items():
        what = f"at most {most}, for there are {size} objects"
        config.require(name, getattr(config, name) <= most, what)
    if config.method == "product_quantization":
        divides = config.features % config.code_groups == 0
        what = f"a divisor of the {config.features} features"
        config.require("code_groups", divides, what)


def fit_anchors(embedding: Any, params: Any) -> Any:
    """The description with as many anchors as the parameters have, after nbANT."""
    if not isinstance(params, ant.AnchorParams):
        return embedding
    return dataclasses.replace(embedding, num_anchors=len(params.anchors))


def _anchor(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    room = config.max_anchors if config.method == "nbant" else anchors
    start, stddev = config.anchors_start, config.anchors_stddev
    if start == "normal" and stddev is None:
        stddev = 1.0
    return ant.AnchorEmbedding(
        len(objects),
        d,
        room,
        anchors_init=_initializer(start, stddev),
        transform_init=_initializer("half_normal", config.transform_stddev),
    )


def _mixture(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.AnchorMixtureEmbedding(
        len(objects),
        d,
        (anchors, config.mixture_anchors),
        anchors_init=_table(config),
    )


def _cluster(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.ClusterEmbedding(
        len(objects),
        d,
        config.clusters,
        temperature=config.temperature,
        straight_through=config.straight_through,
        embedding_init=_table(config),
    )


def _cluster_adjustment(
    config: "Config", objects: Objects, d: int, anchors: int
) -> Any:
    return embeddings.ClusterAdjustmentEmbedding(
        len(objects),
        d,
        config.clusters,
        config.adjustment_features,
        temperature=config.temperature,
        straight_through=config.straight_through,
        embedding_init=_table(config),
        adjustment_init=_table(config),
    )


def _mixed_cluster(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.MixedClusterEmbedding(
        len(objects),
        d,
        config.clusters,
        config.kept_objects,
        temperature=config.temperature,
        straight_through=config.straight_through,
        frequent_init=_table(config),
        embedding_init=_table(config),
    )


def _full(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return ant.FullEmbedding(len(objects), d, embedding_init=_table(config))


def _sparse(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.SparseEmbedding(len(objects), d, embedding_init=_table(config))


def _slimming(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.SlimmingEmbedding(len(objects), d, embedding_init=_table(config))


def _low_rank(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    if config.table_start == "normal":
        # Both factors that small would make a product of no size at all.
        return embeddings.LowRankEmbedding(len(objects), d, config.rank)
    return embeddings.LowRankEmbedding(
        len(objects), d, config.rank, coefficients_init=_table(config)
    )


def _mixed(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    # Special words stand first, whatever their counts.
    counts = np.maximum.accumulate(objects.counts[::-1])[::-1]
    return embeddings.MixedDimensionEmbedding.from_counts(
        # Objects of validation and test may not occur in training.
        counts + 1,
        d,
        num_blocks=config.mixed_blocks,
        temperature=config.mixed_temperature,
        first_features=config.mixed_first,
        table_init=_table(config),
    )


def _hashing(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.HashingEmbedding(
        len(objects),
        d,
        _buckets(config, objects),
        num_hashes=config.num_hashes,
        seed=objects.seed,
        embedding_init=_table(config),
    )


def _hash_embedding(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.HashEmbedding(
        len(objects),
        d,
        _buckets(config, objects),
        max(2, config.num_hashes),
        seed=objects.seed,
        embedding_init=_table(config),
    )


def _quotient(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.QuotientRemainderEmbedding(
        len(objects), d, _buckets(config, objects), remainders_init=_table(config)
    )


def _most_frequent(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    kept = most_frequent(objects.counts, config.kept_objects)
    return _selected(config, objects, d, kept)


def _tf_idf(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    if objects.documents is None:
        raise ValueError("tf_idf needs documents, which these data have not.")
    scores = tf_idf(objects.counts, objects.documents, objects.num_documents)
    return _selected(config, objects, d, largest(scores, config.kept_objects))


def _selected(
    config: "Config", objects: Objects, d: int, kept: Array | np.ndarray
) -> Any:
    return embeddings.SelectedEmbedding(
        len(objects), d, kept, embedding_init=_table(config)
    )


def _vvd(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.VariationalVocabularyEmbedding(
        len(objects),
        d,
        mean_init=_table(config),
        # From the authors' random start, rare objects would end a short run as they
        # were drawn, and some of them before those that the task needs.
        log_alpha_init=jax.nn.initializers.zeros,
    )


def _sparse_vd(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.SparseVariationalEmbedding(
        len(objects), d, mean_init=_table(config)
    )


def _sparse_vd_voc(config: "Config", objects: Objects, d: int, anchors: int) -> Any:
    return embeddings.SparseVariationalVocabularyEmbedding(
        len(objects), d, mean_init=_table(config)
    )


_METHODS: dict[str, Callable[["Config", Objects, int, int], Any]] = {
    "ant": _anchor,
    "nbant": _anchor,
    "anchor_mixture": _mixture,
    "cluster": _cluster,
    "cluster_adjustment": _cluster_adjustment,
    "mixed_cluster": _mixed_cluster,
    "full": _full,
    "low_rank": _low_rank,
    "mixed_dimension": _mixed,
    "hashing": _hashing,
    "hash_embedding": _hash_embedding,
    "quotient_remainder": _quotient,
    "most_frequent": _most_frequent,
    "tf_idf": _tf_idf,
    "sparse_cbow": _sparse,
    "slimming": _slimming,
    "group_lasso": _full,
    "vvd": _vvd,
    "sparse_vd": _sparse_vd,
    "sparse_vd_voc": _sparse_vd_voc,
    "sparse_coding": _full,
    "product_quantization": _full,
}


def _buckets(config: "Config", objects: Objects) -> int:
    return config.buckets or max(1, round(config.table_share * len(objects)))


# The same function every time, so that descriptions are equal and compile once.
@functools.cache
def _initializer(start: str, stddev: float | None) -> Initializer:
    if start == "signed_basis":
        return signed_basis
    if start == "half_normal":
        return half_normal(stddev)
    return jax.nn.initializers.normal(stddev)


def _table(config: "Config") -> Initializer:
    return _initializer(config.table_start, config.table_stddev)
