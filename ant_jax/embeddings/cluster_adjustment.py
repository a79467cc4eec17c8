"""Clusters, plus a few numbers for each object alone."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.cluster import ClusterEmbedding, ClusterParams, default_logits
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, take_rows


class ClusterAdjustmentParams(NamedTuple):
    """Parameters of a `ClusterAdjustmentEmbedding`.

    Attributes:
      clusters: logits (V, k) and vectors (k, d - a), see `ClusterParams`.
      adjustment: the last a features of each object, float (V, a).

    Example:
      >>> clusters = ClusterParams(jnp.array([[0.0, 1.0]]), jnp.array([[1.0], [2.0]]))
      >>> params = ClusterAdjustmentParams(clusters, adjustment=jnp.array([[5.0]]))
      >>> emb = ClusterAdjustmentEmbedding(1, 2, num_clusters=2, adjustment_features=1)
      >>> emb.matrix(params).tolist()
      [[2.0, 5.0]]
    """

    clusters: ClusterParams
    adjustment: Float[Array, "vocab adjustment"]


@dataclasses.dataclass(frozen=True)
class ClusterAdjustmentEmbedding:
    """V objects in k clusters, each with a short vector of its own.

    Cluster adjustment embeddings (CAE) of Chen and Gimpel, *Smaller Text Classifiers
    with Discriminative Cluster Embeddings*, NAACL 2018: the first d - a numbers of a
    vector are those of the object's cluster, see `ClusterEmbedding`, and the last a
    belong to the object alone.

    In matrix form, E = [C, R] [[B, 0], [0, I]] with assignments C, cluster vectors B
    and adjustments R; these two factors are `coefficients` and `basis`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      adjustment_features: number a of features that an object does not share, below d.
      temperature: see `ClusterEmbedding`.
      straight_through: see `ClusterEmbedding`.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all parameters.
      logits_init: initializer of the logits, called with (key, (V, k), param_dtype).
      embedding_init: initializer of the cluster vectors, called with (key, (k, d - a),
        param_dtype).
      adjustment_init: initializer of the adjustments, called with (key, (V, a),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, the adjustment leaves no features
        for the clusters, or the temperature is not positive and finite.

    Example:
      >>> import jax
      >>> emb = ClusterAdjustmentEmbedding(
      ...     num_embeddings=1000, features=16, num_clusters=10, adjustment_features=2
      ... )
      >>> emb.num_params(emb.init(jax.random.key(0)))
      2140
    """

    method: ClassVar[str] = "cluster_adjustment"

    num_embeddings: int
    features: int
    num_clusters: int
    adjustment_features: int
    temperature: float = 0.9
    straight_through: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    logits_init: Initializer = default_logits
    embedding_init: Initializer = default_full
    adjustment_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            features=self.features, adjustment_features=self.adjustment_features
        )
        if self.adjustment_features >= self.features:
            raise ValueError(
                f"adjustment_features must be below features, got "
                f"{self.adjustment_features} of {self.features}."
            )
        _ = self.clusters  # checks the rest

    @property
    def clusters(self) -> ClusterEmbedding:
        """The embedding of the first d - a features."""
        return ClusterEmbedding(
            num_embeddings=self.num_embeddings,
            features=self.features - self.adjustment_features,
            num_clusters=self.num_clusters,
            temperature=self.temperature,
            straight_through=self.straight_through,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            logits_init=self.logits_init,
            embedding_init=self.embedding_init,
        )

    def init(self, key: PRNGKeyArray) -> ClusterAdjustmentParams:
        """Draws the clusters and the adjustments (V, a). See `Embedding.init`."""
        clusters_key, adjustment_key = jax.random.split(key)
        shape = (self.num_embeddings, self.adjustment_features)
        return ClusterAdjustmentParams(
            clusters=self.clusters.init(clusters_key),
            adjustment=self.adjustment_init(adjustment_key, shape, self.param_dtype),
        )

    def lookup(
        self,
        params: ClusterAdjustmentParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
        temperature: ArrayLike | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids: cluster, then adjustment. See `ClusterEmbedding.lookup`."""
        shared = self.clusters.lookup(
            params.clusters, ids, key=key, temperature=temperature
        )
        return jnp.concatenate([shared, self._own(params, ids)], axis=-1)

    def soft_lookup(
        self, params: ClusterAdjustmentParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """The mean vector of each object. See `ClusterEmbedding.soft_lookup`."""
        shared = self.clusters.soft_lookup(params.clusters, ids)
        return jnp.concatenate([shared, self._own(params, ids)], axis=-1)

    def coefficients(
        self,
        params: ClusterAdjustmentParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
        temperature: ArrayLike | None = None,
    ) -> Float[Array, "... coefficients"]:
        """Assignments, then adjustments, float (..., k + a). See `Factored`.

        See `ClusterEmbedding.lookup` for the arguments.
        """
        shared = self.clusters.coefficients(
            params.clusters, ids, key=key, temperature=temperature
        )
        return jnp.concatenate([shared, self._own(params, ids)], axis=-1)

    def basis(
        self, params: ClusterAdjustmentParams
    ) -> Float[Array, "coefficients features"]:
        """Cluster vectors, then unit vectors, (k + a, d). See `Factored.basis`."""
        vectors = self.clusters.basis(params.clusters)
        axes = jnp.eye(self.adjustment_features, dtype=vectors.dtype)
        return jax.scipy.linalg.block_diag(vectors, axes)

    def attend(
        self, params: ClusterAdjustmentParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        No gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.adjustment)
        shared, own = jnp.split(
            h.astype(dtype), [self.features - self.adjustment_features], axis=-1
        )
        scores = self.clusters.attend(params.clusters, shared)
        return scores + own @ params.adjustment.astype(dtype).T

    def matrix(self, params: ClusterAdjustmentParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, (V, d). See `Embedding.matrix`."""
        own = base.cast(params.adjustment, self.dtype)
        shared = self.clusters.matrix(params.clusters)
        return jnp.concatenate([shared, own], axis=-1)

    def num_params(self, params: ClusterAdjustmentParams) -> int:
        """Counts k (d - a) + V a, no logits. See `Embedding.num_params`."""
        return self.clusters.num_params(params.clusters) + params.adjustment.size

    def _own(
        self, params: ClusterAdjustmentParams, ids: ArrayLike
    ) -> Float[Array, "... adjustment"]:
        rows = take_rows(params.adjustment, check_ids(ids))
        return base.cast(rows, self.dtype)
