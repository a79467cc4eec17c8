"""Anchor & Transform: E = T A with few anchors A and a sparse, non-negative T."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, take_rows
from ant_jax.ops.score import score
from ant_jax.params import register_params


class AnchorParams(NamedTuple):
    """Parameters of an `AnchorEmbedding`.

    Attributes:
      anchors: A, float (K, d), dense.
      transform: T, float (V, K), sparse and non-negative.

    Example:
      >>> params = AnchorParams(jnp.array([[1.0, 2.0]]), jnp.array([[0.0], [3.0]]))
      >>> emb = AnchorEmbedding(num_embeddings=2, features=2, num_anchors=1)
      >>> emb.matrix(params).tolist()
      [[0.0, 0.0], [3.0, 6.0]]
    """

    anchors: Float[Array, "anchors features"]
    transform: Float[Array, "vocab anchors"]


register_params(AnchorParams, "anchor")


@dataclasses.dataclass(frozen=True)
class AnchorEmbedding:
    """V objects as sparse non-negative combinations of K shared anchors, E = T A.

    Section 3 of Liang et al., *Anchor & Transform*, ICLR 2021. T is dense while it is
    trained, with zeros from the proximal step of the optimizer
    (`ant_jax.proximal_yogi`), and is shipped in compressed rows (`ant_jax.compact`).

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of A and T.
      anchors_init: initializer of A, called with (key, (K, d), param_dtype).
      transform_init: initializer of T, called with (key, (V, K), param_dtype).

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> import jax
      >>> emb = AnchorEmbedding(num_embeddings=1000, features=16, num_anchors=8)
      >>> params = emb.init(jax.random.key(0))
      >>> emb.lookup(params, jax.numpy.array([[1, 2, 3]])).shape
      (1, 3, 16)
      >>> emb.num_params(params)  # before any entry of T has become zero
      8128
    """

    method: ClassVar[str] = "ant"

    num_embeddings: int
    features: int
    num_anchors: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    anchors_init: Initializer = default_half_normal
    transform_init: Initializer = default_half_normal

    def __post_init__(self) -> None:
        base.check_sizes(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_anchors=self.num_anchors,
        )

    def init(self, key: PRNGKeyArray) -> AnchorParams:
        """Draws A of shape (K, d) and T of shape (V, K). See `Embedding.init`."""
        anchors_key, transform_key = jax.random.split(key)
        return AnchorParams(
            anchors=self.anchors_init(
                anchors_key, (self.num_anchors, self.features), self.param_dtype
            ),
            transform=self.transform_init(
                transform_key, (self.num_embeddings, self.num_anchors), self.param_dtype
            ),
        )

    def lookup(
        self, params: AnchorParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `T[ids] A`. See `Embedding.lookup`.

        On a CPU and outside differentiation, vectors equal those of the saved table bit
        for bit.
        """
        return combine(self.coefficients(params, ids), self.basis(params))

    def coefficients(
        self, params: AnchorParams, ids: ArrayLike
    ) -> Float[Array, "... anchors"]:
        """`T[ids]`, shape (..., K). See `Factored.coefficients`."""
        rows = take_rows(params.transform, check_ids(ids))
        return base.cast(rows, self.dtype)

    def basis(self, params: AnchorParams) -> Float[Array, "anchors features"]:
        """The anchors A, (K, d). See `Factored.basis`."""
        return base.cast(params.anchors, self.dtype)

    def attend(
        self, params: AnchorParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        The product is computed as `(h Aᵀ) Tᵀ` or as `h (T A)ᵀ`, whichever takes fewer
        multiplications for these shapes.
        """
        dtype = base.score_dtype(self.dtype, h, params.anchors)
        return score(h.astype(dtype), *(p.astype(dtype) for p in params))

    def matrix(self, params: AnchorParams) -> Float[Array, "vocab features"]:
        """The whole table `T A`, (V, d), as one product. See `Embedding.matrix`."""
        anchors, transform = (base.cast(p, self.dtype) for p in params)
        return transform @ anchors

    def num_params(self, params: AnchorParams) -> int:
        """K d + nnz(T), the non-zeros, as in the paper. See `Embedding.num_params`."""
        return params.anchors.size + int(jnp.count_nonzero(params.transform))
