"""Hash embeddings: rows that objects share, weighed by numbers of their own."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.combine import combine
from ant_jax.embeddings.hashing import HashingEmbedding
from ant_jax.embeddings.ids import locate
from ant_jax.embeddings.initializers import default_full


class HashParams(NamedTuple):
    """Parameters of a `HashEmbedding`."""

    embedding: Float[Array, "buckets row_features"]  # shared rows, (B, d) or (B, d - k)
    weights: Float[Array, "vocab hashes"]  # importance of each row, (V, k)


@dataclasses.dataclass(frozen=True)
class HashEmbedding:
    """Of B shared rows every object takes k, and learns how much of each.

    Svenstrup, Hansen and Winther, *Hash Embeddings for Efficient Word Representations*,
    NIPS 2017: `e_v = sum_i p[v, i] E[h_i(v)]`. With all weights 1, where training
    starts, it is a `HashingEmbedding` of k hashes; objects that meet in all k rows can
    still part by their weights. The hash functions are those of `HashingEmbedding`. Ids
    are known here, so each object has weights of its own, where the paper also hashes
    to the rows of a table of weights.

    Attributes:
      num_embeddings: size V of the vocabulary, below 2^31.
      features: length d of an embedding vector.
      num_buckets: number B of shared rows.
      num_hashes: number k of hash functions, 2 in the paper.
      append_weights: whether the weights themselves are the last k features, as the
        paper has it by default; shared rows then have d - k.
      seed: non-negative integer that the hash functions are drawn from.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
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
                f"{self.num_hashes} appended weights leave none of {self.features} "
                "features for the rows: take fewer hashes or more features."
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
        """Draws the rows, (B, d) or (B, d - k), and the weights, (V, k)."""
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
        """Embeds ids of any shape (...), each in [0, V): shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. Outside differentiation on a CPU the vectors equal those of
        the shipped artifact bit for bit.

        Raises:
          ValueError: ids are not of an integer type.
        """
        objects, inside = locate(base.check_ids(ids), self.num_embeddings)
        weights = base.take_rows(
            params.weights, jnp.where(inside, objects, self.num_embeddings)
        )
        weights = base.cast(weights, self.dtype)
        rows = base.cast(params.embedding, self.dtype)[self._buckets(objects)]
        shape = objects.size, self.num_hashes
        # The rows of an object are its own anchors.
        sums = jax.vmap(combine)(
            weights.reshape(shape), rows.reshape(*shape, self.row_features)
        ).reshape(*objects.shape, self.row_features)
        if not self.append_weights:
            return sums
        return jnp.concatenate([sums, weights], axis=-1)

    def attend(
        self, params: HashParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V).

        Queries are scored against the B rows, and objects weigh the scores of theirs.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        h, (rows, weights) = h.astype(dtype), (p.astype(dtype) for p in params)
        own, appended = jnp.split(h, [self.row_features], axis=-1)
        buckets = self._buckets(jnp.arange(self.num_embeddings, dtype=jnp.int32))
        scores = jnp.einsum("...vk,vk->...v", (own @ rows.T)[..., buckets], weights)
        return scores + appended @ weights.T if self.append_weights else scores

    def matrix(self, params: HashParams) -> Float[Array, "vocab features"]:
        """The whole table, shape (V, d)."""
        return self.lookup(params, jnp.arange(self.num_embeddings, dtype=jnp.int32))

    def num_params(self, params: HashParams) -> int:
        """B d + V k, rows (of d - k if weights are appended) and weights."""
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
