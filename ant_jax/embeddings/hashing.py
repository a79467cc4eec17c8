"""The hashing trick: V objects share the m rows of one small table."""

import dataclasses
import functools
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from ant_jax.dtypes import accumulator
from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, locate, take_rows

# A Mersenne prime above every id, whose remainders are sums of two halves.
_PRIME = 2**31 - 1


class HashingParams(NamedTuple):
    """Parameters of a `HashingEmbedding`.

    Attributes:
      embedding: shared rows, float (m, d).

    Example:
      >>> params = HashingParams(jnp.array([[1.0, 2.0]]))
      >>> emb = HashingEmbedding(num_embeddings=3, features=2, num_buckets=1)
      >>> emb.matrix(params).tolist()
      [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """

    embedding: Float[Array, "buckets features"]


@dataclasses.dataclass(frozen=True)
class HashingEmbedding:
    """One table of m rows, and a hash that picks a row for every object.

    Weinberger et al., *Feature hashing for large scale multitask learning*, ICML 2009.
    With several hash functions a vector is the sum of the object's rows, and two
    objects have the same vector only if all hashes collide.

    A hash is `(a v + b) mod p mod m` with p = 2^31 - 1 and a, b drawn from the seed
    (Carter and Wegman, *Universal classes of hash functions*, 1979): two objects
    collide with a probability of at most about 1 / m, whatever the ids look like.

    Attributes:
      num_embeddings: size V of the vocabulary, below 2^31.
      features: length d of an embedding vector.
      num_buckets: number m of rows.
      num_hashes: number of hash functions.
      seed: non-negative integer that determines the hash functions.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the rows.
      embedding_init: initializer of the rows, called with (key, (m, d), param_dtype).

    Raises:
      ValueError: a size is not a positive integer or too large, or the seed is not a
        non-negative integer.

    Example:
      >>> import jax
      >>> emb = HashingEmbedding(num_embeddings=1000, features=16, num_buckets=50)
      >>> emb.num_params(emb.init(jax.random.key(0)))
      800
    """

    method: ClassVar[str] = "hashing"

    num_embeddings: int
    features: int
    num_buckets: int
    num_hashes: int = 1
    seed: int = 0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_buckets=self.num_buckets,
            num_hashes=self.num_hashes,
        )
        for name in ("num_embeddings", "num_buckets"):
            if (size := getattr(self, name)) > _PRIME:
                raise ValueError(f"{name} must be below 2^31, got {size}.")
        seed = self.seed
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be a non-negative integer, got {seed!r}.")

    @property
    def coefficients(self) -> tuple[tuple[int, int], ...]:
        """The pair (a, b) of each hash function, 1 <= a < p and 0 <= b < p."""
        return _coefficients(self.seed, self.num_hashes)

    def init(self, key: PRNGKeyArray) -> HashingParams:
        """Draws the rows, (m, d). See `Embedding.init`."""
        shape = (self.num_buckets, self.features)
        return HashingParams(self.embedding_init(key, shape, self.param_dtype))

    def lookup(
        self, params: HashingParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: the sum of the rows of each id. See `Embedding.lookup`.

        On a CPU, vectors equal those of the saved table bit for bit.
        """
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        buckets = [
            jnp.where(inside, bucket, self.num_buckets)
            for bucket in self.buckets(objects)
        ]
        rows = (take_rows(params.embedding, bucket) for bucket in buckets)
        return _sum([base.cast(row, self.dtype) for row in rows])

    def attend(
        self, params: HashingParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        Queries are scored against the m rows, and each object sums the scores of its
        rows.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        scores = h.astype(dtype) @ params.embedding.astype(dtype).T
        objects = jnp.arange(self.num_embeddings, dtype=jnp.int32)
        return _sum([scores[..., bucket] for bucket in self.buckets(objects)])

    def matrix(self, params: HashingParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d). See `Embedding.matrix`."""
        objects = jnp.arange(self.num_embeddings, dtype=jnp.int32)
        return self.lookup(params, objects)

    def num_params(self, params: HashingParams) -> int:
        """Counts m d, the rows, no hash functions. See `Embedding.num_params`."""
        return params.embedding.size

    def buckets(self, objects: Int[Array, "..."]) -> list[Int[Array, "..."]]:
        """The row of each object, for each hash function.

        Args:
          objects: int32 of any shape (...), each in [0, V).

        Returns:
          One array a hash function, int32 (...), each in [0, m).
        """
        keys = objects.astype(jnp.uint32)
        buckets = (_hash(keys, a, b) % self.num_buckets for a, b in self.coefficients)
        return [bucket.astype(jnp.int32) for bucket in buckets]


@functools.cache
def _coefficients(seed: int, num_hashes: int) -> tuple[tuple[int, int], ...]:
    # The words of a SeedSequence are the same in every version of NumPy.
    words = np.random.SeedSequence(seed).generate_state(2 * num_hashes, np.uint64)
    pairs = words.reshape(num_hashes, 2).tolist()
    return tuple((1 + a % (_PRIME - 1), b % _PRIME) for a, b in pairs)


def _hash(keys: UInt32[Array, "..."], a: int, b: int) -> UInt32[Array, "..."]:
    """`(a keys + b) mod p` for keys below p, in 32 bits: 2^31 is 1 modulo p."""
    a_high, a_low = a >> 16, a & 0xFFFF
    high, low = keys >> 16, keys & 0xFFFF
    # a keys = 2^32 a_high high + 2^16 middle + a_low low; none of them overflows.
    middle = a_high * low + a_low * high
    total = _mod(2 * a_high * high) + _mod((middle >> 15) + ((middle & 0x7FFF) << 16))
    total = _mod(total) + _mod(a_low * low)
    return _mod(_mod(total) + b)


def _mod(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    x = (x >> 31) + (x & _PRIME)
    return jnp.where(x >= _PRIME, x - _PRIME, x)


def _sum(terms: list[Array]) -> Array:
    """Adds up terms in order, in float32 or wider, and rounds once."""
    if len(terms) == 1:
        return terms[0]
    dtype = terms[0].dtype
    wide = accumulator(dtype)
    return functools.reduce(jnp.add, (t.astype(wide) for t in terms)).astype(dtype)
