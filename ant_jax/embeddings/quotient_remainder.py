"""Quotient and remainder: a pair of rows from two small tables for every object."""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.dtypes import accumulator
from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, locate, take_rows


class QuotientRemainderParams(NamedTuple):
    """Parameters of a `QuotientRemainderEmbedding`.

    Attributes:
      quotients: Q, float (ceil(V / m), d).
      remainders: R, float (m, d).

    Example:
      >>> params = QuotientRemainderParams(
      ...     quotients=jnp.array([[1.0], [10.0]]), remainders=jnp.array([[2.0], [3.0]])
      ... )
      >>> emb = QuotientRemainderEmbedding(4, 1, num_remainders=2)
      >>> emb.matrix(params).tolist()
      [[2.0], [3.0], [20.0], [30.0]]
    """

    quotients: Float[Array, "quotients features"]
    remainders: Float[Array, "remainders features"]


@dataclasses.dataclass(frozen=True)
class QuotientRemainderEmbedding:
    """Every object as a combination of two shared rows that no other object has.

    `E[v] = Q[v // m] * R[v % m]`, or the sum of the two rows; Shi et al.,
    *Compositional embeddings using complementary partitions for memory-efficient
    recommendation systems*, KDD 2020. The tables are smallest at m = sqrt(V).

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_remainders: number m of rows of R.
      operation: "multiply" for the elementwise product of the two rows, "add" for their
        sum.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of Q and R.
      quotients_init: initializer of Q, called with (key, (ceil(V / m), d),
        param_dtype). None means ones for "multiply", so that E starts with the variance
        of a full table, and the default of R for "add".
      remainders_init: initializer of R, called with (key, (m, d), param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or the operation is unknown.

    Example:
      >>> import jax
      >>> emb = QuotientRemainderEmbedding(
      ...     num_embeddings=1000, features=16, num_remainders=32
      ... )
      >>> emb.num_params(emb.init(jax.random.key(0)))
      1024
    """

    method: ClassVar[str] = "quotient_remainder"

    num_embeddings: int
    features: int
    num_remainders: int
    operation: Literal["multiply", "add"] = "multiply"
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    quotients_init: Initializer | None = None
    remainders_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_remainders=self.num_remainders,
        )
        if self.operation not in ("multiply", "add"):
            raise ValueError(
                f"operation must be 'multiply' or 'add', got {self.operation!r}."
            )

    @property
    def num_quotients(self) -> int:
        """Number ceil(V / m) of rows of Q."""
        return -(-self.num_embeddings // self.num_remainders)

    def init(self, key: PRNGKeyArray) -> QuotientRemainderParams:
        """Draws Q (ceil(V / m), d) and R (m, d). See `Embedding.init`."""
        quotients_key, remainders_key = jax.random.split(key)
        quotients_init = self.quotients_init
        if quotients_init is None:
            multiplies = self.operation == "multiply"
            quotients_init = jax.nn.initializers.ones if multiplies else default_full
        return QuotientRemainderParams(
            quotients=quotients_init(
                quotients_key, (self.num_quotients, self.features), self.param_dtype
            ),
            remainders=self.remainders_init(
                remainders_key, (self.num_remainders, self.features), self.param_dtype
            ),
        )

    def lookup(
        self, params: QuotientRemainderParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `Q[ids // m] * R[ids % m]`, or the sum. See `Embedding.lookup`.

        On a CPU, vectors equal those of the saved table bit for bit.
        """
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        quotient = objects // self.num_remainders
        quotient = jnp.where(inside, quotient, self.num_quotients)
        return self._joined(
            take_rows(params.quotients, quotient),
            take_rows(params.remainders, objects % self.num_remainders),
        )

    def attend(
        self, params: QuotientRemainderParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        With "add" queries are scored against the two tables; with "multiply" the whole
        table is computed first.
        """
        dtype = base.score_dtype(self.dtype, h, params.remainders)
        h = h.astype(dtype)
        if self.operation == "multiply":
            return h @ self.matrix(params).astype(dtype).T
        quotients, remainders = (h @ p.astype(dtype).T for p in params)
        scores = quotients[..., :, None] + remainders[..., None, :]
        return scores.reshape(*h.shape[:-1], -1)[..., : self.num_embeddings]

    def matrix(self, params: QuotientRemainderParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d). See `Embedding.matrix`."""
        rows = self._joined(params.quotients[:, None], params.remainders[None])
        return rows.reshape(-1, self.features)[: self.num_embeddings]

    def num_params(self, params: QuotientRemainderParams) -> int:
        """(ceil(V / m) + m) d, both tables. See `Embedding.num_params`."""
        return params.quotients.size + params.remainders.size

    def _joined(self, quotients: Array, remainders: Array) -> Array:
        quotients = base.cast(quotients, self.dtype)
        remainders = base.cast(remainders, self.dtype)
        dtype = remainders.dtype
        wide = accumulator(dtype)
        join = jnp.multiply if self.operation == "multiply" else jnp.add
        return join(quotients.astype(wide), remainders.astype(wide)).astype(dtype)
