"""`AnchorEmbed` for Flax Linen."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from ant_jax.embeddings import AnchorEmbedding, base
from ant_jax.embeddings.combine import combine
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.embeddings.score import score


class AnchorEmbed(nn.Module):
    """Anchor & Transform where `nn.Embed` stood: the same arguments and K.

    Its parameters are `anchors` (K, d) and `transform` (V, K); `ant_jax.param_labels`
    tells an optimizer which is which. The numerics are those of `AnchorEmbedding`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype of the vectors and logits; None keeps the parameters'.
      param_dtype: dtype passed to the initializers.
      anchors_init: initializer of A, shape (K, d). `nn.with_partitioning` may wrap it
        to give its sharding.
      transform_init: initializer of T, shape (V, K); likewise.
      promote_dtype: brings arrays to one dtype. It is called with the rows of T and
        with A in `__call__`, with the query, A and T in `attend`, and with `dtype`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> layer = AnchorEmbed(num_embeddings=1000, features=16, num_anchors=8)
      >>> ids = jnp.array([[1, 2, 3]])
      >>> variables = layer.init(jax.random.key(0), ids)
      >>> layer.apply(variables, ids).shape
      (1, 3, 16)

      What `ant_jax.compact.save` takes:

      >>> from ant_jax import AnchorParams
      >>> emb, params = layer.description, AnchorParams(**variables["params"])
      >>> emb.num_params(params)
      8128
    """

    num_embeddings: int
    features: int
    num_anchors: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    anchors_init: Initializer = default_half_normal
    transform_init: Initializer = default_half_normal
    promote_dtype: Callable[..., Any] = promote_dtype

    @property
    def description(self) -> AnchorEmbedding:
        """The same embedding as pure functions; needs no bound parameters."""
        return AnchorEmbedding(
            num_embeddings=self.num_embeddings,
            features=self.features,
            num_anchors=self.num_anchors,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            anchors_init=self.anchors_init,
            transform_init=self.transform_init,
        )

    def setup(self) -> None:
        """Makes A and T."""
        self.anchors = self.param(
            "anchors",
            self.anchors_init,
            (self.num_anchors, self.features),
            self.param_dtype,
        )
        self.transform = self.param(
            "transform",
            self.transform_init,
            (self.num_embeddings, self.num_anchors),
            self.param_dtype,
        )

    def __call__(self, inputs: ArrayLike) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          inputs: integers of any shape (...), each in [0, V).

        Returns:
          Vectors of shape (..., d), see `AnchorEmbedding.lookup`.

        Raises:
          ValueError: inputs are not of an integer type.
        """
        rows = base.take_rows(self.transform, base.check_ids(inputs))
        # Rows are promoted, not T: it is V long, and its gradient is summed unrounded.
        rows, anchors = self.promote_dtype(
            rows, self.anchors, dtype=self.dtype, inexact=False
        )
        return combine(rows, anchors)

    def attend(self, query: Float[Array, "... features"]) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: logits (..., V)."""
        return score(
            *self.promote_dtype(query, self.anchors, self.transform, dtype=self.dtype)
        )
