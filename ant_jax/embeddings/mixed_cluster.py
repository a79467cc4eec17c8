"""Clusters for the many rare objects, full vectors for the few frequent ones."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.cluster import ClusterEmbedding, ClusterParams, default_logits
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, locate, take_rows


class MixedClusterParams(NamedTuple):
    """Parameters of a `MixedClusterEmbedding`.

    Attributes:
      frequent: vectors of the first u objects, float (u, d).
      clusters: logits (V - u, k) of the others, and vectors (k, d), see
        `ClusterParams`.

    Example:
      >>> clusters = ClusterParams(jnp.array([[0.0], [0.0]]), jnp.array([[7.0]]))
      >>> params = MixedClusterParams(frequent=jnp.array([[1.0]]), clusters=clusters)
      >>> emb = MixedClusterEmbedding(3, 1, num_clusters=1, num_frequent=1)
      >>> emb.matrix(params).tolist()
      [[1.0], [7.0], [7.0]]
    """

    frequent: Float[Array, "frequent features"]
    clusters: ClusterParams


@dataclasses.dataclass(frozen=True)
class MixedClusterEmbedding:
    """The u most frequent objects with full vectors, all others in k clusters.

    Mixture embeddings (ME) of Chen and Gimpel, *Smaller Text Classifiers with
    Discriminative Cluster Embeddings*, NAACL 2018. Ids are sorted by falling frequency,
    so that objects 0 to u - 1 are the frequent ones. For the others see
    `ClusterEmbedding`.

    Since the id decides which kind an object is, ids must not be renumbered: train the
    parameters by a dense optimizer, not by lazy rows.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      num_frequent: number u of objects with full vectors, below V.
      temperature: see `ClusterEmbedding`.
      straight_through: see `ClusterEmbedding`.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all parameters.
      frequent_init: initializer of the u vectors, called with (key, (u, d),
        param_dtype).
      logits_init: initializer of the logits, called with (key, (V - u, k),
        param_dtype).
      embedding_init: initializer of the cluster vectors, called with (key, (k, d),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, no objects are left for the
        clusters, or the temperature is not positive and finite.

    Example:
      >>> import jax
      >>> emb = MixedClusterEmbedding(
      ...     num_embeddings=1000, features=16, num_clusters=10, num_frequent=20
      ... )
      >>> emb.num_params(emb.init(jax.random.key(0)))
      480
    """

    method: ClassVar[str] = "mixed_cluster"

    num_embeddings: int
    features: int
    num_clusters: int
    num_frequent: int
    temperature: float = 0.9
    straight_through: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    frequent_init: Initializer = default_full
    logits_init: Initializer = default_logits
    embedding_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings, num_frequent=self.num_frequent
        )
        if self.num_frequent >= self.num_embeddings:
            raise ValueError(
                f"num_frequent must be below num_embeddings, got {self.num_frequent} "
                f"of {self.num_embeddings}: with no object left for the clusters use a "
                "FullEmbedding."
            )
        _ = self.clusters  # checks the rest

    @property
    def clusters(self) -> ClusterEmbedding:
        """The embedding of the objects from u on, numbered from 0."""
        return ClusterEmbedding(
            num_embeddings=self.num_embeddings - self.num_frequent,
            features=self.features,
            num_clusters=self.num_clusters,
            temperature=self.temperature,
            straight_through=self.straight_through,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            logits_init=self.logits_init,
            embedding_init=self.embedding_init,
        )

    def init(self, key: PRNGKeyArray) -> MixedClusterParams:
        """Draws vectors (u, d) and the clusters. See `Embedding.init`."""
        frequent_key, clusters_key = jax.random.split(key)
        shape = (self.num_frequent, self.features)
        return MixedClusterParams(
            frequent=self.frequent_init(frequent_key, shape, self.param_dtype),
            clusters=self.clusters.init(clusters_key),
        )

    def lookup(
        self,
        params: MixedClusterParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
        temperature: ArrayLike | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids: full or cluster vectors. See `ClusterEmbedding.lookup`.

        The u most frequent objects have no noise.
        """

        def shared(rest: Int[Array, "..."]) -> Float[Array, "... features"]:
            return self.clusters.lookup(
                params.clusters, rest, key=key, temperature=temperature
            )

        return self._lookup(params, ids, shared)

    def soft_lookup(
        self, params: MixedClusterParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """The mean vector of each object. See `ClusterEmbedding.soft_lookup`."""

        def shared(rest: Int[Array, "..."]) -> Float[Array, "... features"]:
            return self.clusters.soft_lookup(params.clusters, rest)

        return self._lookup(params, ids, shared)

    def attend(
        self, params: MixedClusterParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        No gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.frequent)
        h = h.astype(dtype)
        own = h @ params.frequent.astype(dtype).T
        shared = self.clusters.attend(params.clusters, h)
        return jnp.concatenate([own, shared], axis=-1)

    def matrix(self, params: MixedClusterParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, (V, d). See `Embedding.matrix`."""
        own = base.cast(params.frequent, self.dtype)
        return jnp.concatenate([own, self.clusters.matrix(params.clusters)])

    def num_params(self, params: MixedClusterParams) -> int:
        """Counts (u + k) d, no logits. See `Embedding.num_params`."""
        return params.frequent.size + self.clusters.num_params(params.clusters)

    def _lookup(
        self,
        params: MixedClusterParams,
        ids: ArrayLike,
        shared: Callable[[Array], Array],
    ) -> Float[Array, "... features"]:
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        frequent = objects < self.num_frequent
        # Both lookups get valid ids only: a `where` does not stop a gradient of NaN.
        own = take_rows(params.frequent, jnp.where(frequent, objects, 0))
        rest = shared(jnp.where(frequent, 0, objects - self.num_frequent))
        vectors = jnp.where(frequent[..., None], base.cast(own, self.dtype), rest)
        return jnp.where(inside[..., None], vectors, jnp.nan)
