"""Anchor & Transform: E = T A with few anchors A and a sparse, non-negative T."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.combine import combine
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.embeddings.score import score


class AnchorParams(NamedTuple):
    """Parameters of an `AnchorEmbedding`."""

    anchors: Float[Array, "anchors features"]  # A, (K, d), dense
    transform: Float[Array, "vocab anchors"]  # T, (V, K), sparse and non-negative


@dataclasses.dataclass(frozen=True)
class AnchorEmbedding:
    """V objects as sparse non-negative combinations of K shared anchors, E = T A.

    Section 3 of Liang et al., *Anchor & Transform*, ICLR 2021. T is stored dense while
    it is trained (its zeros come from the proximal step of the optimizer, see
    `ant_jax.proximal_yogi`) and in compressed rows once it is shipped, see
    `ant_jax.compact`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
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
        """Draws A of shape (K, d) and T of shape (V, K)."""
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
        """Embeds ids: `T[ids] A`.

        Args:
          params: A and T.
          ids: integers of any shape (...), each in [0, V). As in Flax's `Embed`, an id
            in [-V, 0) counts from the end.

        Returns:
          Vectors of shape (..., d) and dtype `dtype`; NaN for an id outside [-V, V).
          Outside differentiation on a CPU they equal those of the shipped artifact bit
          for bit.

        Raises:
          ValueError: ids are not of an integer type.
        """
        return combine(self.coefficients(params, ids), self.basis(params))

    def coefficients(
        self, params: AnchorParams, ids: ArrayLike
    ) -> Float[Array, "... anchors"]:
        """`T[ids]`, shape (..., K): what each anchor counts for each object.

        Ids are read and dtypes are cast as in `lookup`, which is
        `coefficients @ basis`: see `Factored`.
        """
        rows = base.take_rows(params.transform, base.check_ids(ids))
        return base.cast(rows, self.dtype)

    def basis(self, params: AnchorParams) -> Float[Array, "anchors features"]:
        """The anchors A, (K, d), in `dtype`."""
        return base.cast(params.anchors, self.dtype)

    def attend(
        self, params: AnchorParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`, the tied output layer.

        The product is taken as `(h Aᵀ) Tᵀ` or as `h (T A)ᵀ`, whichever multiplies
        less for these shapes.

        Args:
          params: A and T.
          h: queries of shape (..., d).

        Returns:
          Logits of shape (..., V) in the dtype that h and the parameters promote to, or
          in `dtype`.
        """
        dtype = base.score_dtype(self.dtype, h, params.anchors)
        return score(h.astype(dtype), *(p.astype(dtype) for p in params))

    def matrix(self, params: AnchorParams) -> Float[Array, "vocab features"]:
        """The whole table `T A`, shape (V, d), by one matrix product."""
        anchors, transform = (base.cast(p, self.dtype) for p in params)
        return transform @ anchors

    def num_params(self, params: AnchorParams) -> int:
        """K d + nnz(T): what is not zero, indices not counted, as the paper counts."""
        return params.anchors.size + int(jnp.count_nonzero(params.transform))
