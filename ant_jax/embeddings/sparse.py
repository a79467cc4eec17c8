"""A table with few non-zero entries: Sparse CBOW's, for any vocabulary."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings.full import FullEmbedding, FullParams
from ant_jax.params import register_params


class SparseParams(FullParams):
    """Parameters of a `SparseEmbedding`.

    Attributes:
      embedding: E with its zeros, float (V, d).

    Example:
      >>> params = SparseParams(jnp.array([[0.0, -2.0]]))
      >>> params.embedding.tolist()
      [[0.0, -2.0]]
    """

    __slots__ = ()


register_params(SparseParams, "sparse")


@dataclasses.dataclass(frozen=True)
class SparseEmbedding(FullEmbedding):
    """A full table whose zeros are neither counted nor shipped.

    Sun et al., *Sparse Word Embeddings Using l1 Regularized Online Learning*, IJCAI
    2016: the entries of E, of either sign, have an L1 penalty, and the optimizer makes
    the zeros: `ant_jax.optim.dual_averaging` as in the paper, or a proximal optimizer
    with `prox=ant_jax.optim.soft_threshold`. E is dense while it is trained and is
    shipped in compressed rows.

    See `FullEmbedding` for the fields.

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
        """Draws E of shape (V, d), without zeros. See `Embedding.init`."""
        return SparseParams(*super().init(key))

    def lookup(
        self, params: FullParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `E[ids]`, with zeros of positive sign. See `Embedding.lookup`."""
        return _unsigned_zeros(super().lookup(params, ids))

    def num_params(self, params: FullParams) -> int:
        """nnz(E), indices not counted. See `Embedding.num_params`."""
        return int(jnp.count_nonzero(params.embedding))


@jax.custom_jvp
def _unsigned_zeros(rows: Array) -> Array:
    # Signs of zeros are not stored. Under grad they are left as they are.
    return jnp.where(rows == 0, jnp.zeros_like(rows), rows)


@_unsigned_zeros.defjvp
def _unsigned_zeros_jvp(
    primals: tuple[Array], tangents: tuple[Any]
) -> tuple[Array, Any]:
    return primals[0], tangents[0]
