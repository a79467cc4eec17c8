"""Clusters: every object has the vector of the one cluster that it belongs to."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.gumbel import gumbel_softmax
from ant_jax.embeddings.ids import locate
from ant_jax.embeddings.initializers import default_full
from ant_jax.numerics import accumulator

# Next to the noise these are nothing: at first every object is everywhere.
default_logits = jax.nn.initializers.normal(0.01)


class ClusterParams(NamedTuple):
    """Parameters of a `ClusterEmbedding`."""

    logits: Float[Array, "vocab clusters"]  # of the assignments, (V, k); not shipped
    embedding: Float[Array, "clusters features"]  # vectors of the clusters, (k, d)


@dataclasses.dataclass(frozen=True)
class ClusterEmbedding:
    """V objects in k clusters, learned end to end with the task.

    Cluster embeddings (CE) of Chen and Gimpel, *Smaller Text Classifiers with
    Discriminative Cluster Embeddings*, NAACL 2018. While it is trained, an object is a
    sample of the Gumbel-softmax distribution of its logits times the vectors of the
    clusters, with noise of its own for every occurrence. What is evaluated and shipped
    is the vector of the most probable cluster, ceil(log2 k) bits an object.

    The paper keeps the temperature at 0.9. To lower it during training, give `lookup`
    the value of a schedule: `optax.exponential_decay(1.0, 1000, 0.9, end_value=0.5)`
    anneals and stops at a floor, as Jang et al., *Categorical Reparameterization with
    Gumbel-Softmax*, ICLR 2017, do.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_clusters: number k of clusters.
      temperature: of the samples, positive and finite.
      straight_through: whether samples are made one-hot, with the derivative of what
        they were before, see `gumbel_softmax`.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
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
        """Draws logits of shape (V, k) and vectors of shape (k, d)."""
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
        """Embeds ids of any shape (...), each in [0, V): shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. Without a key the vectors equal those of the shipped artifact
        bit for bit, and no gradient reaches the logits.

        Args:
          params: logits and vectors.
          ids: integers.
          key: draws the noise of each occurrence, for training; without it an object is
            its most probable cluster.
          temperature: of the samples, in place of that of the description.

        Raises:
          ValueError: ids are not of an integer type.
        """
        if key is None:
            clusters = self._hard(params, ids)
            return base.take_rows(self.basis(params), clusters)
        weights = self.coefficients(params, ids, key=key, temperature=temperature)
        return weights @ self.basis(params)

    def soft_lookup(
        self, params: ClusterParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """What an object is on average: `softmax(logits[ids])` times the vectors.

        Without noise and without temperature, which a one-hot sample does not depend
        on. Only to be compared with `lookup`: it is not what is shipped.
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
        """How much of each cluster an object has, shape (..., k): see `Factored`.

        One-hot without a key, else a sample; arguments are those of `lookup`.
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
        """The vectors of the clusters, (k, d), in `dtype`."""
        return base.cast(params.embedding, self.dtype)

    def assignments(self, params: ClusterParams) -> Int[Array, " vocab"]:
        """The most probable cluster of each object, int32 (V,), the first of equals."""
        return jnp.argmax(params.logits, axis=-1).astype(jnp.int32)

    def attend(
        self, params: ClusterParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V).

        Queries are scored against the k clusters, and objects look their scores up. No
        gradient reaches the logits.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        scores = h.astype(dtype) @ params.embedding.astype(dtype).T
        return scores[..., self.assignments(params)]

    def matrix(self, params: ClusterParams) -> Float[Array, "vocab features"]:
        """The whole table as it is shipped, shape (V, d)."""
        return base.take_rows(self.basis(params), self.assignments(params))

    def num_params(self, params: ClusterParams) -> int:
        """Counts k d, the vectors: assignments are indices, and logits not shipped."""
        return params.embedding.size

    def _rows(
        self, params: ClusterParams, ids: ArrayLike
    ) -> tuple[Float[Array, "... clusters"], Bool[Array, "..."]]:
        """Logits of each id, and whether there is such an object."""
        # Rows of NaN would not do: the exponential of XLA may make numbers of them. And
        # a batch of lazy rows has fewer logits than V.
        objects, inside = locate(base.check_ids(ids), params.logits.shape[0])
        return base.take_rows(params.logits, objects), inside

    def _hard(self, params: ClusterParams, ids: ArrayLike) -> Int[Array, "..."]:
        """The cluster of each id; k, which there is not, for an id without object."""
        rows, inside = self._rows(params, ids)
        clusters = jnp.argmax(rows, axis=-1)
        return jnp.where(inside, clusters.astype(jnp.int32), self.num_clusters)
