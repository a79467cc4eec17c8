"""Clusters: objects of one cluster share its vector."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ant_jax.dtypes import accumulator
from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.gumbel import gumbel_softmax
from ant_jax.ops.ids import check_ids, locate, take_rows

# Negligible beside the noise: at first every object is in all clusters alike.
default_logits = jax.nn.initializers.normal(0.01)


class ClusterParams(NamedTuple):
    """Parameters of a `ClusterEmbedding`.

    Attributes:
      logits: of the cluster of each object, float (V, k); not shipped.
      embedding: vectors of the clusters, float (k, d).

    Example:
      >>> params = ClusterParams(
      ...     logits=jnp.array([[0.0, 3.0], [1.0, 0.0], [0.0, 1.0]]),
      ...     embedding=jnp.array([[1.0, 2.0], [3.0, 4.0]]),
      ... )
      >>> emb = ClusterEmbedding(num_embeddings=3, features=2, num_clusters=2)
      >>> emb.matrix(params).tolist()
      [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """

    logits: Float[Array, "vocab clusters"]
    embedding: Float[Array, "clusters features"]


@dataclasses.dataclass(frozen=True)
class ClusterEmbedding:
    """V objects in k clusters, learned end to end with the task.

    Cluster embeddings (CE) of Chen and Gimpel, *Smaller Text Classifiers with
    Discriminative Cluster Embeddings*, NAACL 2018. In training, the vector of an object
    is a Gumbel-softmax sample of its logits times the cluster vectors, with fresh noise
    for every occurrence. For evaluation and in the file it is the vector of the most
    probable cluster, which takes ceil(log2 k) bits an object.

    The paper keeps the temperature at 0.9. To lower it during training, pass the value
    of a schedule to `lookup`: `optax.exponential_decay(1.0, 1000, 0.9, end_value=0.5)`
    anneals down to a floor, as in Jang et al., *Categorical Reparameterization with
    Gumbel-Softmax*, ICLR 2017.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      temperature: of the samples, positive and finite.
      straight_through: whether samples are made one-hot while the gradient stays that
        of the soft sample, see `gumbel_softmax`.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the logits and the vectors.
      logits_init: initializer of the logits, called with (key, (V, k), param_dtype).
      embedding_init: initializer of the vectors, called with (key, (k, d),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or the temperature is not positive
        and finite.

    Example:
      >>> import jax
      >>> emb = ClusterEmbedding(num_embeddings=1000, features=16, num_clusters=10)
      >>> params = emb.init(jax.random.key(0))
      >>> noisy = emb.lookup(params, jax.numpy.array([7, 7]), key=jax.random.key(1))
      >>> bool((noisy[0] == noisy[1]).any()), emb.num_params(params)
      (False, 160)
    """

    method: ClassVar[str] = "cluster"

    num_embeddings: int
    features: int
    num_clusters: int
    temperature: float = 0.9
    straight_through: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    logits_init: Initializer = default_logits
    embedding_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_clusters=self.num_clusters,
        )
        if not 0 < self.temperature < float("inf"):
            raise ValueError(
                f"temperature must be positive and finite, got {self.temperature!r}."
            )

    def init(self, key: PRNGKeyArray) -> ClusterParams:
        """Draws logits (V, k) and vectors (k, d). See `Embedding.init`."""
        logits_key, embedding_key = jax.random.split(key)
        return ClusterParams(
            logits=self.logits_init(
                logits_key, (self.num_embeddings, self.num_clusters), self.param_dtype
            ),
            embedding=self.embedding_init(
                embedding_key, (self.num_clusters, self.features), self.param_dtype
            ),
        )

    def lookup(
        self,
        params: ClusterParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
        temperature: ArrayLike | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids: samples of the cluster vectors, or that of the likeliest cluster.

        Without a key, vectors equal those of the saved table bit for bit, and no
        gradient reaches the logits.

        Args:
          params: logits and vectors.
          ids: see `Embedding.lookup`.
          key: PRNG key of the noise of every occurrence, for training; None takes the
            most probable cluster.
          temperature: of the samples, a positive number; None takes that of the
            description.

        Returns:
          Vectors, float (..., d), see `Embedding.lookup`.

        Raises:
          ValueError: ids are not integers.
        """
        if key is None:
            clusters = self._hard(params, ids)
            return take_rows(self.basis(params), clusters)
        weights = self.coefficients(params, ids, key=key, temperature=temperature)
        return weights @ self.basis(params)

    def soft_lookup(
        self, params: ClusterParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """The mean vector of each object: `softmax(logits[ids])` times the vectors.

        It has no noise and no temperature, which the expectation of a one-hot sample
        does not depend on. It is meant for comparison with `lookup` and is not what is
        shipped.

        Args:
          params: logits and vectors.
          ids: see `Embedding.lookup`.

        Returns:
          Vectors, float (..., d), see `Embedding.lookup`.

        Raises:
          ValueError: ids are not integers.
        """
        rows, inside = self._rows(params, ids)
        weights = jax.nn.softmax(rows.astype(accumulator(rows.dtype)), axis=-1)
        basis = self.basis(params)
        weights = jnp.where(inside[..., None], weights, jnp.nan).astype(basis.dtype)
        return weights @ basis

    def coefficients(
        self,
        params: ClusterParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
        temperature: ArrayLike | None = None,
    ) -> Float[Array, "... clusters"]:
        """The share of each cluster in each object, float (..., k). See `Factored`.

        One-hot without a key, otherwise a sample; see `lookup` for the arguments.
        """
        dtype = params.embedding.dtype if self.dtype is None else self.dtype
        if key is None:
            clusters = self._hard(params, ids)
            inside = clusters < self.num_clusters
            weights = jax.nn.one_hot(clusters, self.num_clusters, dtype=dtype)
        else:
            rows, inside = self._rows(params, ids)
            weights = gumbel_softmax(
                key,
                rows,
                self.temperature if temperature is None else temperature,
                straight_through=self.straight_through,
            )
        return jnp.where(inside[..., None], weights, jnp.nan).astype(dtype)

    def basis(self, params: ClusterParams) -> Float[Array, "clusters features"]:
        """The vectors of the clusters, (k, d). See `Factored.basis`."""
        return base.cast(params.embedding, self.dtype)

    def assignments(self, params: ClusterParams) -> Int[Array, " vocab"]:
        """The most probable cluster of each object; the first one in a tie.

        Args:
          params: logits and vectors.

        Returns:
          int32 (V,), each in [0, k).
        """
        return jnp.argmax(params.logits, axis=-1).astype(jnp.int32)

    def attend(
        self, params: ClusterParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        Queries are scored against the k clusters, and every object takes the score of
        its cluster. No gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        scores = h.astype(dtype) @ params.embedding.astype(dtype).T
        return scores[..., self.assignments(params)]

    def matrix(self, params: ClusterParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, (V, d). See `Embedding.matrix`."""
        return take_rows(self.basis(params), self.assignments(params))

    def num_params(self, params: ClusterParams) -> int:
        """Counts k d, the vectors, no logits. See `Embedding.num_params`."""
        return params.embedding.size

    def _rows(
        self, params: ClusterParams, ids: ArrayLike
    ) -> tuple[Float[Array, "... clusters"], Bool[Array, "..."]]:
        """The logits of each id, and whether the id is valid."""
        # Not rows of NaN: XLA's exponential may turn them into numbers. And a batch of
        # lazy rows has fewer logits than V.
        objects, inside = locate(check_ids(ids), params.logits.shape[0])
        return take_rows(params.logits, objects), inside

    def _hard(self, params: ClusterParams, ids: ArrayLike) -> Int[Array, "..."]:
        """The most probable cluster of each id; `num_clusters` for an invalid id."""
        rows, inside = self._rows(params, ids)
        clusters = jnp.argmax(rows, axis=-1)
        return jnp.where(inside, clusters.astype(jnp.int32), self.num_clusters)
