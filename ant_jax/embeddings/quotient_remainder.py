"""Quotient and remainder: two small tables whose rows together belong to one object."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.ids import locate
from ant_jax.embeddings.initializers import default_full
from ant_jax.numerics import accumulator


class QuotientRemainderParams(NamedTuple):
    """Parameters of a `QuotientRemainderEmbedding`."""

    quotients: Float[Array, "quotients features"]  # Q, (ceil(V / m), d)
    remainders: Float[Array, "remainders features"]  # R, (m, d)


@dataclasses.dataclass(frozen=True)
class QuotientRemainderEmbedding:
    """Every object as a pair of shared rows that no other object has.

    `E[v] = Q[v // m] * R[v % m]`, or their sum; Shi et al., *Compositional embeddings
    using complementary partitions for memory-efficient recommendation systems*, KDD
    2020. The tables are smallest at m = sqrt(V).

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_remainders: number m of rows of R.
      operation: whether the two rows are multiplied entry by entry ("multiply") or
        added ("add").
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of Q and R.
      quotients_init: initializer of Q, called with (key, (ceil(V / m), d),
        param_dtype). None starts a factor at one, so that at first v is R[v % m] and an
        entry has the variance of a full table's; and a term as R starts.
      remainders_init: initializer of R, called with (key, (m, d), param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or the operation is another.

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
    operation: str = "multiply"
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
        """Draws Q of shape (ceil(V / m), d) and R of shape (m, d)."""
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
        """Embeds ids of any shape (...), each in [0, V): shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. On a CPU the vectors equal those of the shipped artifact bit
        for bit.

        Raises:
          ValueError: ids are not of an integer type.
        """
        objects, inside = locate(base.check_ids(ids), self.num_embeddings)
        quotient = objects // self.num_remainders
        quotient = jnp.where(inside, quotient, self.num_quotients)
        return self._joined(
            base.take_rows(params.quotients, quotient),
            base.take_rows(params.remainders, objects % self.num_remainders),
        )

    def attend(
        self, params: QuotientRemainderParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V).

        A sum is scored in its two tables; for a product the whole table is made.
        """
        dtype = base.score_dtype(self.dtype, h, params.remainders)
        h = h.astype(dtype)
        if self.operation == "multiply":
            return h @ self.matrix(params).astype(dtype).T
        quotients, remainders = (h @ p.astype(dtype).T for p in params)
        scores = quotients[..., :, None] + remainders[..., None, :]
        return scores.reshape(*h.shape[:-1], -1)[..., : self.num_embeddings]

    def matrix(self, params: QuotientRemainderParams) -> Float[Array, "vocab features"]:
        """The whole table, shape (V, d)."""
        rows = self._joined(params.quotients[:, None], params.remainders[None])
        return rows.reshape(-1, self.features)[: self.num_embeddings]

    def num_params(self, params: QuotientRemainderParams) -> int:
        """(ceil(V / m) + m) d, every entry of both tables."""
        return params.quotients.size + params.remainders.size

    def _joined(self, quotients: Array, remainders: Array) -> Array:
        quotients = base.cast(quotients, self.dtype)
        remainders = base.cast(remainders, self.dtype)
        dtype = remainders.dtype
        wide = accumulator(dtype)
        join = jnp.multiply if self.operation == "multiply" else jnp.add
        return join(quotients.astype(wide), remainders.astype(wide)).astype(dtype)
