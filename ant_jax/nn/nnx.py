"""`AnchorEmbed` for Flax NNX."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from ant_jax.embeddings import AnchorEmbedding, AnchorParams, base
from ant_jax.embeddings.combine import combine
from ant_jax.embeddings.initializers import default_half_normal
from ant_jax.embeddings.score import score


class Transform(nnx.Param):
    """The type of T, so that filters can tell it from other parameters."""


class AnchorEmbed(nnx.Module):
    """Anchor & Transform where `nnx.Embed` stood: the same arguments and K.

    Its variables are `anchors`, an `nnx.Param`, and `transform`, a `Transform`;
    `ant_jax.param_labels` tells an optimizer which is which. The numerics are those of
    `AnchorEmbedding`.

    Args:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      num_anchors: number K of anchors.
      dtype: dtype of the vectors and logits; None keeps the parameters'.
      param_dtype: dtype passed to the initializers.
      anchors_init: initializer of A, shape (K, d).
      transform_init: initializer of T, shape (V, K).
      promote_dtype: brings a tuple of arrays to one dtype. It is called with the rows
        of T and with A in `__call__`, with the query, A and T in `attend`, and with
        `dtype`.
      rngs: where the key comes from, stream `params`.
      anchors_metadata: metadata of the variable `anchors`, such as its sharding.
      transform_metadata: metadata of the variable `transform`.

    Example:
      >>> import jax.numpy as jnp
      >>> layer = AnchorEmbed(1000, 16, num_anchors=8, rngs=nnx.Rngs(0))
      >>> layer(jnp.array([[1, 2, 3]])).shape
      (1, 3, 16)

      What `ant_jax.compact.save` takes:

      >>> emb, params = layer.description, layer.params
      >>> emb.num_params(params)
      8128
    """

    def __init__(
        self,
        num_embeddings: int,
        features: int,
        num_anchors: int,
        *,
        dtype: DTypeLike | None = None,
        param_dtype: DTypeLike = jnp.float32,
        anchors_init: Initializer = default_half_normal,
        transform_init: Initializer = default_half_normal,
        promote_dtype: Callable[..., Any] = promote_dtype,
        rngs: nnx.Rngs,
        anchors_metadata: Mapping[str, Any] = MappingProxyType({}),
        transform_metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.description = AnchorEmbedding(
            num_embeddings=num_embeddings,
            features=features,
            num_anchors=num_anchors,
            dtype=dtype,
            param_dtype=param_dtype,
            anchors_init=anchors_init,
            transform_init=transform_init,
        )
        anchors, transform = self.description.init(rngs.params())
        self.anchors = nnx.Param(anchors, **anchors_metadata)
        self.transform = Transform(transform, **transform_metadata)
        self.num_embeddings = num_embeddings
        self.features = features
        self.num_anchors = num_anchors
        self.dtype = dtype
        self.param_dtype = param_dtype
        self.promote_dtype = promote_dtype

    @property
    def params(self) -> AnchorParams:
        """A and T as the functions of `description` take them."""
        return AnchorParams(anchors=self.anchors[...], transform=self.transform[...])

    def __call__(
        self, inputs: ArrayLike, out_sharding: Any = None
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          inputs: integers of any shape (...), each in [0, V).
          out_sharding: sharding of the result in JAX's explicit mode, as in
            `nnx.Embed`; None leaves it to the compiler.

        Returns:
          Vectors of shape (..., d), see `AnchorEmbedding.lookup`.

        Raises:
          ValueError: inputs are not of an integer type.
        """
        ids = base.check_ids(inputs)
        return _sharded(self._lookup, out_sharding)(self.params, ids)

    def _lookup(self, params: AnchorParams, ids: Array) -> Array:
        # Rows are promoted, not T: it is V long, and its gradient is summed unrounded.
        rows, anchors = self.promote_dtype(
            (base.take_rows(params.transform, ids), params.anchors),
            dtype=self.dtype,
            inexact=False,
        )
        return combine(rows, anchors)

    def attend(
        self, query: Float[Array, "... features"], out_sharding: Any = None
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object, the tied output layer.

        Args:
          query: vectors of shape (..., d).
          out_sharding: sharding of the logits in JAX's explicit mode; None leaves it
            to the compiler.

        Returns:
          Logits of shape (..., V), see `AnchorEmbedding.attend`.
        """
        promoted = self.promote_dtype((query, *self.params), dtype=self.dtype)
        return _sharded(score, out_sharding)(*promoted)


def _sharded(function: Any, out_sharding: Any) -> Any:
    # Gathers and products in sequence take no out_sharding, so it is set around them.
    if out_sharding is None:
        return function
    return jax.sharding.auto_axes(function, out_sharding=out_sharding)
