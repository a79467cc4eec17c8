"""A table of which few entries are not zero: Sparse CBOW's, for any vocabulary."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings.full import FullEmbedding, FullParams


class SparseParams(FullParams):
    """Parameters of a `SparseEmbedding`: E (V, d), its zeros among them."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True)
class SparseEmbedding(FullEmbedding):
    """A full table whose zeros are neither counted nor shipped.

    Sun et al., *Sparse Word Embeddings Using l1 Regularized Online Learning*, IJCAI
    2016: every entry of E has a penalty of its own, of either sign, and the optimizer
    makes the zeros: `ant_jax.optim.dual_averaging` as in the paper, or a proximal
    optimizer with `prox=ant_jax.optim.soft_threshold`. E is stored dense while it is
    trained and in compressed rows once it is shipped. Fields are those of
    `FullEmbedding`.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> import jax.numpy as jnp
      >>> emb = SparseEmbedding(num_embeddings=2, features=3)
      >>> params = SparseParams(jnp.array([[0.0, -2.0, 0.0], [0.0, 0.0, 0.0]]))
      >>> emb.num_params(params)
      1
    """

    method: ClassVar[str] = "sparse_cbow"

    def init(self, key: PRNGKeyArray) -> SparseParams:
        """Draws E of shape (V, d), no entry of it zero."""
        return SparseParams(*super().init(key))

    def lookup(
        self, params: FullParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids as `FullEmbedding.lookup` does; no zero has a sign."""
        return _unsigned_zeros(super().lookup(params, ids))

    def num_params(self, params: FullParams) -> int:
        """nnz(E): what is not zero, indices not counted."""
        return int(jnp.count_nonzero(params.embedding))


@jax.custom_jvp
def _unsigned_zeros(rows: Array) -> Array:
    # The sign of a zero is not stored. Under grad this is left out.
    return jnp.where(rows == 0, jnp.zeros_like(rows), rows)


@_unsigned_zeros.defjvp
def _unsigned_zeros_jvp(
    primals: tuple[Array], tangents: tuple[Any]
) -> tuple[Array, Any]:
    return primals[0], tangents[0]
