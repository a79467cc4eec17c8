"""Low rank: the table as a product of two thin matrices."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.combine import combine
from ant_jax.embeddings.initializers import default_full
from ant_jax.embeddings.score import score


class LowRankParams(NamedTuple):
    """Parameters of a `LowRankEmbedding`."""

    coefficients: Float[Array, "vocab rank"]  # U, (V, r)
    basis: Float[Array, "rank features"]  # B, (r, d)


@dataclasses.dataclass(frozen=True)
class LowRankEmbedding:
    """V vectors in a subspace of r dimensions, E = U B.

    What Anchor & Transform is without its penalty and its signs: every object has a
    coefficient for every direction.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      rank: number r of directions.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of U and B.
      coefficients_init: initializer of U, called with (key, (V, r), param_dtype). With
        both defaults an entry of E has the variance 1 / d, as that of a `FullEmbedding`
        has.
      basis_init: initializer of B, called with (key, (r, d), param_dtype).

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> import jax
      >>> emb = LowRankEmbedding(num_embeddings=1000, features=16, rank=4)
      >>> emb.num_params(emb.init(jax.random.key(0)))
      4064
    """

    method: ClassVar[str] = "low_rank"

    num_embeddings: int
    features: int
    rank: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    coefficients_init: Initializer = default_full
    basis_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings, features=self.features, rank=self.rank
        )

    def init(self, key: PRNGKeyArray) -> LowRankParams:
        """Draws U of shape (V, r) and B of shape (r, d)."""
        coefficients_key, basis_key = jax.random.split(key)
        return LowRankParams(
            coefficients=self.coefficients_init(
                coefficients_key, (self.num_embeddings, self.rank), self.param_dtype
            ),
            basis=self.basis_init(
                basis_key, (self.rank, self.features), self.param_dtype
            ),
        )

    def lookup(
        self, params: LowRankParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids of any shape (...), each in [0, V): `U[ids] B`, shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN. Outside differentiation on a CPU the vectors equal those of
        the shipped artifact bit for bit.

        Raises:
          ValueError: ids are not of an integer type.
        """
        rows = base.take_rows(params.coefficients, base.check_ids(ids))
        return combine(base.cast(rows, self.dtype), base.cast(params.basis, self.dtype))

    def attend(
        self, params: LowRankParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V)."""
        dtype = base.score_dtype(self.dtype, h, params.basis)
        return score(
            h.astype(dtype),
            params.basis.astype(dtype),
            params.coefficients.astype(dtype),
        )

    def matrix(self, params: LowRankParams) -> Float[Array, "vocab features"]:
        """The whole table `U B`, shape (V, d), by one matrix product."""
        coefficients, basis = (base.cast(p, self.dtype) for p in params)
        return coefficients @ basis

    def num_params(self, params: LowRankParams) -> int:
        """(V + d) r, every entry of both factors."""
        return params.coefficients.size + params.basis.size
