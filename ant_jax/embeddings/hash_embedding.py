"""Hash embeddings: shared rows, combined with weights that each object learns."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.hashing import HashingEmbedding
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, locate, take_rows


class HashParams(NamedTuple):
    """Parameters of a `HashEmbedding`.

    Attributes:
      embedding: shared rows, float (B, d), or (B, d - k) with appended weights.
      weights: importance of each of an object's rows, float (V, k).

    Example:
      >>> params = HashParams(jnp.ones((5, 2)), weights=jnp.array([[1.0, 2.0]]))
      >>> emb = HashEmbedding(num_embeddings=1, features=2, num_buckets=5)
      >>> emb.matrix(params).tolist()
      [[3.0, 3.0]]
    """

    embedding: Float[Array, "buckets row_features"]
    weights: Float[Array, "vocab hashes"]


@dataclasses.dataclass(frozen=True)
class HashEmbedding:
    """Every object combines k of B shared rows, with weights that it learns.

    Svenstrup, Hansen and Winther, *Hash Embeddings for Efficient Word Representations*,
    NIPS 2017: `e_v = sum_i p[v, i] E[h_i(v)]`. Training starts with all weights 1,
    which is a `HashingEmbedding` of k hashes; objects that share all k rows can still
    be told apart by their weights. The hash functions are those of `HashingEmbedding`.
    Every object has its own weights, since ids are known here, where the paper also
    hashes objects to the rows of a table of weights.

    Attributes:
      num_embeddings: size V of the vocabulary, below 2^31.
      features: length d of an embedding vector.
      num_buckets: number B of shared rows.
      num_hashes: number k of hash functions, 2 in the paper.
      append_weights: whether the last k features are the weights themselves, the
        paper's default; shared rows then have d - k features.
      seed: non-negative integer that determines the hash functions.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      embedding_init: initializer of the rows, called with (key, (B, d) or (B, d - k),
        param_dtype).
      weights_init: initializer of the weights, called with (key, (V, k), param_dtype).

    Raises:
      ValueError: a size is not a positive integer or too large, the seed is not a
        non-negative integer, or appended weights leave no features for the rows.

    Example:
      >>> emb = HashEmbedding(num_embeddings=1000, features=16, num_buckets=50)
      >>> emb.num_params(emb.init(jax.random.key(0)))
      2800
    """

    method: ClassVar[str] = "hash_embedding"

    num_embeddings: int
    features: int
    num_buckets: int
    num_hashes: int = 2
    append_weights: bool = False
    seed: int = 0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = default_full
    weights_init: Initializer = jax.nn.initializers.ones

    def __post_init__(self) -> None:
        hashing = self._hashing()  # checks sizes and the seed
        if self.append_weights and hashing.num_hashes >= self.features:
            raise ValueError(
                f"{self.num_hashes} appended weights leave no room for the rows in "
                f"{self.features} features: take fewer hashes or more features."
            )

    @property
    def row_features(self) -> int:
        """Length of a shared row, d or d - k."""
        return self.features - self.num_hashes * self.append_weights

    @property
    def hash_coefficients(self) -> tuple[tuple[int, int], ...]:
        """The pair (a, b) of each hash function, see `HashingEmbedding`."""
        return self._hashing().coefficients

    def init(self, key: PRNGKeyArray) -> HashParams:
        """Draws rows (B, d) or (B, d - k), and weights (V, k). See `Embedding.init`."""
        rows_key, weights_key = jax.random.split(key)
        rows = self.num_buckets, self.row_features
        weights = self.num_embeddings, self.num_hashes
        return HashParams(
            embedding=self.embedding_init(rows_key, rows, self.param_dtype),
            weights=self.weights_init(weights_key, weights, self.param_dtype),
        )

    def lookup(
        self, params: HashParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: weighted sums of k rows. See `Embedding.lookup`.

        On a CPU and outside differentiation, vectors equal those of the saved table bit
        for bit.
        """
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        weights = take_rows(
            params.weights, jnp.where(inside, objects, self.num_embeddings)
        )
        weights = base.cast(weights, self.dtype)
        rows = base.cast(params.embedding, self.dtype)[self._buckets(objects)]
        shape = objects.size, self.num_hashes
        # The k rows of an object are combined like anchors.
        sums = jax.vmap(combine)(
            weights.reshape(shape), rows.reshape(*shape, self.row_features)
        ).reshape(*objects.shape, self.row_features)
        if not self.append_weights:
            return sums
        return jnp.concatenate([sums, weights], axis=-1)

    def attend(
        self, params: HashParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        Queries are scored against the B rows, and each object combines the scores of
        its own rows.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        h, (rows, weights) = h.astype(dtype), (p.astype(dtype) for p in params)
        own, appended = jnp.split(h, [self.row_features], axis=-1)
        buckets = self._buckets(jnp.arange(self.num_embeddings, dtype=jnp.int32))
        scores = jnp.einsum("...vk,vk->...v", (own @ rows.T)[..., buckets], weights)
        return scores + appended @ weights.T if self.append_weights else scores

    def matrix(self, params: HashParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d). See `Embedding.matrix`."""
        return self.lookup(params, jnp.arange(self.num_embeddings, dtype=jnp.int32))

    def num_params(self, params: HashParams) -> int:
        """B d + V k, rows and weights. See `Embedding.num_params`.

        With appended weights it is B (d - k) + V k.
        """
        return params.embedding.size + params.weights.size

    def _hashing(self) -> HashingEmbedding:
        return HashingEmbedding(
            self.num_embeddings,
            self.features,
            self.num_buckets,
            self.num_hashes,
            self.seed,
        )

    def _buckets(self, objects: Int[Array, "..."]) -> Int[Array, "... hashes"]:
        return jnp.stack(self._hashing().buckets(objects), axis=-1)
