"""The full table: V vectors of d numbers, the embedding that all others replace."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full


class FullParams(NamedTuple):
    """Parameters of a `FullEmbedding`."""

    embedding: Float[Array, "vocab features"]  # E, (V, d)


@dataclasses.dataclass(frozen=True)
class FullEmbedding:
    """A dense table E of V vectors: Flax's `Embed` as pure functions.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
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
        """Draws E of shape (V, d)."""
        shape = (self.num_embeddings, self.features)
        return FullParams(self.embedding_init(key, shape, self.param_dtype))

    def lookup(
        self, params: FullParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids of any shape (...), each in [0, V): `E[ids]`, shape (..., d).

        As in Flax's `Embed`, an id in [-V, 0) counts from the end, and an id outside
        [-V, V) gives NaN.

        Raises:
          ValueError: ids are not of an integer type.
        """
        rows = base.take_rows(params.embedding, base.check_ids(ids))
        return base.cast(rows, self.dtype)

    def attend(
        self, params: FullParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every object: `h Eᵀ`, shape (..., V)."""
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        return h.astype(dtype) @ params.embedding.astype(dtype).T

    def matrix(self, params: FullParams) -> Float[Array, "vocab features"]:
        """The table itself, shape (V, d)."""
        return base.cast(params.embedding, self.dtype)

    def num_params(self, params: FullParams) -> int:
        """V d, every entry."""
        return params.embedding.size
