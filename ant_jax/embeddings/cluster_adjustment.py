"""Clusters, and a few numbers of its own for every object."""

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


class ClusterAdjustmentParams(NamedTuple):
    """Parameters of a `ClusterAdjustmentEmbedding`."""

    clusters: ClusterParams  # logits (V, k) and vectors (k, d - a)
    adjustment: Float[Array, "vocab adjustment"]  # of each object, (V, a)


@dataclasses.dataclass(frozen=True)
class ClusterAdjustmentEmbedding:
    """V objects in k clusters, each with a short vector that tells it from the others.

    Cluster adjustment embeddings (CAE) of Chen and Gimpel, *Smaller Text Classifiers
    with Discriminative Cluster Embeddings*, NAACL 2018: the d - a numbers of an
    object's cluster, see `ClusterEmbedding`, and then a numbers of its own.

    In other words E = [C, R] [[B, 0], [0, I]] with assignments C, cluster vectors B and
    adjustments R: that is what `coefficients` and `basis` are.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      adjustment_features: length a of what each object has of its own, below d.
      temperature: see `ClusterEmbedding`.
      straight_through: see `ClusterEmbedding`.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all parameters.
      logits_init: initializer of the logits, called with (key, (V, k), param_dtype).
      embedding_init: initializer of the clusters' vectors, called with (key,
        (k, d - a), param_dtype).
      adjustment_init: initializer of the adjustments, called with (key, (V, a),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, the adjustment leaves no room for
        the clusters, or the temperature is not positive and finite.

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
        """What the first d - a numbers of each vector are."""
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
        """Draws clusters, see `ClusterEmbedding.init`, and adjustments (V, a)."""
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
        """Embeds ids of any shape (...), each in [0, V): shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. Without a key the vectors equal those of the shipped artifact
        bit for bit. For the arguments see `ClusterEmbedding.lookup`.

        Raises:
          ValueError: ids are not of an integer type.
        """
        shared = self.clusters.lookup(
            params.clusters, ids, key=key, temperature=temperature
        )
        return jnp.concatenate([shared, self._own(params, ids)], axis=-1)

    def soft_lookup(
        self, params: ClusterAdjustmentParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """What an object is on average, see `ClusterEmbedding.soft_lookup`."""
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
        """Assignments and then adjustments, shape (..., k + a): see `Factored`."""
        shared = self.clusters.coefficients(
            params.clusters, ids, key=key, temperature=temperature
        )
        return jnp.concatenate([shared, self._own(params, ids)], axis=-1)

    def basis(
        self, params: ClusterAdjustmentParams
    ) -> Float[Array, "coefficients features"]:
        """The clusters' vectors and the last a axes, (k + a, d), in `dtype`."""
        vectors = self.clusters.basis(params.clusters)
        axes = jnp.eye(self.adjustment_features, dtype=vectors.dtype)
        return jax.scipy.linalg.block_diag(vectors, axes)

    def attend(
        self, params: ClusterAdjustmentParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V).

        No gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.adjustment)
        shared, own = jnp.split(
            h.astype(dtype), [self.features - self.adjustment_features], axis=-1
        )
        scores = self.clusters.attend(params.clusters, shared)
        return scores + own @ params.adjustment.astype(dtype).T

    def matrix(self, params: ClusterAdjustmentParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, shape (V, d)."""
        own = base.cast(params.adjustment, self.dtype)
        shared = self.clusters.matrix(params.clusters)
        return jnp.concatenate([shared, own], axis=-1)

    def num_params(self, params: ClusterAdjustmentParams) -> int:
        """Counts k (d - a) + V a: assignments are indices, and logits not shipped."""
        return self.clusters.num_params(params.clusters) + params.adjustment.size

    def _own(
        self, params: ClusterAdjustmentParams, ids: ArrayLike
    ) -> Float[Array, "... adjustment"]:
        rows = base.take_rows(params.adjustment, base.check_ids(ids))
        return base.cast(rows, self.dtype)
