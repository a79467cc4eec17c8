"""The embedding methods, for the tables of every program."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from jax.nn.initializers import Initializer

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.anchors import largest, most_frequent, tf_idf
from ant_jax.embeddings import half_normal, signed_basis
from experiments.runner.config import TrainingConfig as Config


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
    config: Config, objects: Objects, features: int, anchors: int
) -> ant.Embedding[Any]:
    """The embedding of a table.

    Args:
      config: names the method and its settings.
      objects: what the rows stand for.
      features: length of a vector.
      anchors: how many, if the method has anchors.
    """
    size, table = (len(objects), features), _table(config)
    match config.method:
        case "ant" | "nbant":
            room = config.max_anchors if config.method == "nbant" else anchors
            return ant.AnchorEmbedding(
                *size,
                room,
                anchors_init=_initializer(config.anchors_start, config.anchors_stddev),
                transform_init=_initializer("half_normal", config.transform_stddev),
            )
        case "anchor_mixture":
            return embeddings.AnchorMixtureEmbedding(
                *size, (anchors, config.mixture_anchors), anchors_init=table
            )
        case "cluster" | "cluster_adjustment" | "mixed_cluster":
            return _clusters(config, size)
        case "full" | "group_lasso" | "sparse_coding" | "product_quantization":
            return ant.FullEmbedding(*size, embedding_init=table)
        case "sparse_cbow":
            return embeddings.SparseEmbedding(*size, embedding_init=table)
        case "slimming":
            return embeddings.SlimmingEmbedding(*size, embedding_init=table)
        case "low_rank" if config.table_start == "normal":
            # Both factors that small would make a product of no size at all.
            return embeddings.LowRankEmbedding(*size, config.rank)
        case "low_rank":
            return embeddings.LowRankEmbedding(
                *size, config.rank, coefficients_init=table
            )
        case "mixed_dimension":
            # Special words stand first, whatever their counts; and objects of
            # validation and test may not occur in training.
            counts = np.maximum.accumulate(objects.counts[::-1])[::-1] + 1
            return embeddings.MixedDimensionEmbedding.from_counts(
                counts,
                features,
                num_blocks=config.mixed_blocks,
                temperature=config.mixed_temperature,
                first_features=config.mixed_first,
                table_init=table,
            )
        case "hashing":
            return embeddings.HashingEmbedding(
                *size,
                _buckets(config, objects),
                config.num_hashes,
                seed=objects.seed,
                embedding_init=table,
            )
        case "hash_embedding":
            return embeddings.HashEmbedding(
                *size,
                _buckets(config, objects),
                max(2, config.num_hashes),
                seed=objects.seed,
                embedding_init=table,
            )
        case "quotient_remainder":
            return embeddings.QuotientRemainderEmbedding(
                *size, _buckets(config, objects), remainders_init=table
            )
        case "most_frequent" | "tf_idf":
            kept = _kept(config, objects)
            return embeddings.SelectedEmbedding(*size, kept, embedding_init=table)
        case "vvd":
            # From the authors' random start, rare objects would end a short run as
            # they were drawn, and some of them before those that the task needs.
            return embeddings.VariationalVocabularyEmbedding(
                *size, mean_init=table, log_alpha_init=jax.nn.initializers.zeros
            )
        case "sparse_vd":
            return embeddings.SparseVariationalEmbedding(*size, mean_init=table)
        case "sparse_vd_voc":
            return embeddings.SparseVariationalVocabularyEmbedding(
                *size, mean_init=table
            )
    raise ValueError(f"There is no method {config.method!r}.")


def _clusters(config: Config, size: tuple[int, int]) -> Any:
    table = _table(config)
    noise: dict[str, Any] = {
        "temperature": config.temperature,
        "straight_through": config.straight_through,
        "embedding_init": table,
    }
    match config.method:
        case "cluster":
            return embeddings.ClusterEmbedding(*size, config.clusters, **noise)
        case "cluster_adjustment":
            own = config.adjustment_features
            return embeddings.ClusterAdjustmentEmbedding(
                *size, config.clusters, own, adjustment_init=table, **noise
            )
    return embeddings.MixedClusterEmbedding(
        *size, config.clusters, config.kept_objects, frequent_init=table, **noise
    )


def _kept(config: Config, objects: Objects) -> Any:
    """The objects that have vectors of their own."""
    if config.method == "most_frequent":
        return most_frequent(objects.counts, config.kept_objects)
    if objects.documents is None:
        raise ValueError("tf_idf needs documents, and these data have none.")
    scores = tf_idf(objects.counts, objects.documents, objects.num_documents)
    return largest(scores, config.kept_objects)


def check_sizes(config: Config, size: int) -> None:
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


def _buckets(config: Config, objects: Objects) -> int:
    return config.buckets or max(1, round(config.table_share * len(objects)))


# The same function every time, so that descriptions are equal and compile once.
@functools.cache
def _initializer(start: str, stddev: float | None) -> Initializer:
    if start == "signed_basis":
        return signed_basis
    if start == "half_normal":
        return half_normal(stddev)
    return jax.nn.initializers.normal(1.0 if stddev is None else stddev)


def _table(config: Config) -> Initializer:
    return _initializer(config.table_start, config.table_stddev)
