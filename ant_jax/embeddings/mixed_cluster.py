"""Clusters for the many rare objects, and vectors of their own for the frequent few."""

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
from ant_jax.embeddings.ids import locate
from ant_jax.embeddings.initializers import default_full


class MixedClusterParams(NamedTuple):
    """Parameters of a `MixedClusterEmbedding`."""

    frequent: Float[Array, "frequent features"]  # of the first u objects, (u, d)
    clusters: ClusterParams  # of the others, logits (V - u, k) and vectors (k, d)


@dataclasses.dataclass(frozen=True)
class MixedClusterEmbedding:
    """The u most frequent objects with vectors of their own, the others in k clusters.

    Mixture embeddings (ME) of Chen and Gimpel, *Smaller Text Classifiers with
    Discriminative Cluster Embeddings*, NAACL 2018. Ids are numbered by falling
    frequency: objects 0 to u - 1 are the frequent ones. For the others see
    `ClusterEmbedding`.

    An id tells which of the two an object is, so that no batch may renumber it: the
    parameters are trained by a dense optimizer and not by lazy rows.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      num_frequent: number u of objects with vectors of their own, below V.
      temperature: see `ClusterEmbedding`.
      straight_through: see `ClusterEmbedding`.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all parameters.
      frequent_init: initializer of the u vectors, called with (key, (u, d),
        param_dtype).
      logits_init: initializer of the logits, called with (key, (V - u, k),
        param_dtype).
      embedding_init: initializer of the clusters' vectors, called with (key, (k, d),
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
                f"of {self.num_embeddings}: where none is left, take a FullEmbedding."
            )
        _ = self.clusters  # checks the rest

    @property
    def clusters(self) -> ClusterEmbedding:
        """What the objects from u on are, numbered from 0."""
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
        """Draws the u vectors, and clusters as `ClusterEmbedding.init` does."""
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
        """Embeds ids of any shape (...), each in [0, V): shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. Without a key the vectors equal those of the shipped artifact
        bit for bit. For the arguments see `ClusterEmbedding.lookup`; the u most
        frequent objects have no noise.

        Raises:
          ValueError: ids are not of an integer type.
        """

        def shared(rest: Int[Array, "..."]) -> Float[Array, "... features"]:
            return self.clusters.lookup(
                params.clusters, rest, key=key, temperature=temperature
            )

        return self._lookup(params, ids, shared)

    def soft_lookup(
        self, params: MixedClusterParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """What an object is on average, see `ClusterEmbedding.soft_lookup`."""

        def shared(rest: Int[Array, "..."]) -> Float[Array, "... features"]:
            return self.clusters.soft_lookup(params.clusters, rest)

        return self._lookup(params, ids, shared)

    def attend(
        self, params: MixedClusterParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V).

        No gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.frequent)
        h = h.astype(dtype)
        own = h @ params.frequent.astype(dtype).T
        shared = self.clusters.attend(params.clusters, h)
        return jnp.concatenate([own, shared], axis=-1)

    def matrix(self, params: MixedClusterParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, shape (V, d)."""
        own = base.cast(params.frequent, self.dtype)
        return jnp.concatenate([own, self.clusters.matrix(params.clusters)])

    def num_params(self, params: MixedClusterParams) -> int:
        """Counts (u + k) d: assignments are indices, and logits not shipped."""
        return params.frequent.size + self.clusters.num_params(params.clusters)

    def _lookup(
        self,
        params: MixedClusterParams,
        ids: ArrayLike,
        shared: Callable[[Array], Array],
    ) -> Float[Array, "... features"]:
        objects, inside = locate(base.check_ids(ids), self.num_embeddings)
        frequent = objects < self.num_frequent
        # Neither of the two may be asked for what it does not hold, for a gradient of
        # NaN stays NaN behind a `where`.
        own = base.take_rows(params.frequent, jnp.where(frequent, objects, 0))
        rest = shared(jnp.where(frequent, 0, objects - self.num_frequent))
        vectors = jnp.where(frequent[..., None], base.cast(own, self.dtype), rest)
        return jnp.where(inside[..., None], vectors, jnp.nan)
