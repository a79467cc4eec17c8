"""The full table: V vectors of d numbers, which all other embeddings replace."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import check_ids, take_rows
from ant_jax.params import register_params


class FullParams(NamedTuple):
    """Parameters of a `FullEmbedding`.

    Attributes:
      embedding: E, float (V, d).

    Example:
      >>> params = FullParams(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
      >>> emb = FullEmbedding(num_embeddings=2, features=2)
      >>> emb.lookup(params, 1).tolist()
      [3.0, 4.0]
    """

    embedding: Float[Array, "vocab features"]


register_params(FullParams, "full")


@dataclasses.dataclass(frozen=True)
class FullEmbedding:
    """A dense table E of V vectors: Flax's `Embed` as pure functions.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of E.
      embedding_init: initializer of E, called with (key, (V, d), param_dtype).

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> import jax
      >>> emb = FullEmbedding(num_embeddings=1000, features=16)
      >>> emb.num_params(emb.init(jax.random.key(0)))
      16000
    """

    method: ClassVar[str] = "full"

    num_embeddings: int
    features: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)

    def init(self, key: PRNGKeyArray) -> FullParams:
        """Draws E of shape (V, d). See `Embedding.init`."""
        shape = (self.num_embeddings, self.features)
        return FullParams(self.embedding_init(key, shape, self.param_dtype))

    def lookup(
        self, params: FullParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `E[ids]`. See `Embedding.lookup`."""
        rows = take_rows(params.embedding, check_ids(ids))
        return base.cast(rows, self.dtype)

    def attend(
        self, params: FullParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`."""
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        return h.astype(dtype) @ params.embedding.astype(dtype).T

    def matrix(self, params: FullParams) -> Float[Array, "vocab features"]:
        """The table itself, (V, d). See `Embedding.matrix`."""
        return base.cast(params.embedding, self.dtype)

    def num_params(self, params: FullParams) -> int:
        """V d, every entry. See `Embedding.num_params`."""
        return params.embedding.size
