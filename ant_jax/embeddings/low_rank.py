"""Low rank: the table as a product of two thin matrices."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, take_rows
from ant_jax.ops.score import score


class LowRankParams(NamedTuple):
    """Parameters of a `LowRankEmbedding`.

    Attributes:
      coefficients: U, float (V, r).
      basis: B, float (r, d).

    Example:
      >>> params = LowRankParams(jnp.array([[2.0], [-1.0]]), jnp.array([[1.0, 3.0]]))
      >>> emb = LowRankEmbedding(num_embeddings=2, features=2, rank=1)
      >>> emb.matrix(params).tolist()
      [[2.0, 6.0], [-1.0, -3.0]]
    """

    coefficients: Float[Array, "vocab rank"]
    basis: Float[Array, "rank features"]


@dataclasses.dataclass(frozen=True)
class LowRankEmbedding:
    """V vectors in a subspace of r dimensions, E = U B.

    Anchor & Transform without penalty and constraint: every object has a coefficient of
    either sign for every direction.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      rank: number r of directions.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of U and B.
      coefficients_init: initializer of U, called with (key, (V, r), param_dtype). With
        both defaults the entries of E have variance 1 / d, as in a `FullEmbedding`.
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
        """Draws U of shape (V, r) and B of shape (r, d). See `Embedding.init`."""
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
        """Embeds ids: `U[ids] B`. See `Embedding.lookup`.

        On a CPU and outside differentiation, vectors equal those of the saved table bit
        for bit.
        """
        rows = take_rows(params.coefficients, check_ids(ids))
        return combine(base.cast(rows, self.dtype), base.cast(params.basis, self.dtype))

    def attend(
        self, params: LowRankParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`."""
        dtype = base.score_dtype(self.dtype, h, params.basis)
        return score(
            h.astype(dtype),
            params.basis.astype(dtype),
            params.coefficients.astype(dtype),
        )

    def matrix(self, params: LowRankParams) -> Float[Array, "vocab features"]:
        """The whole table `U B`, (V, d), as one product. See `Embedding.matrix`."""
        coefficients, basis = (base.cast(p, self.dtype) for p in params)
        return coefficients @ basis

    def num_params(self, params: LowRankParams) -> int:
        """(V + d) r, every entry of both factors. See `Embedding.num_params`."""
        return params.coefficients.size + params.basis.size
