"""The base class of tables that learn dropout rates."""

import abc
import dataclasses
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.embeddings.sparse import SparseEmbedding, SparseParams
from ant_jax.ops.ids import check_ids, take_rows

Params = TypeVar("Params", bound=tuple[Any, ...])

# One object for all descriptions, so that they are equal.
default_log_variance = jax.nn.initializers.constant(-6.0)


@dataclasses.dataclass(frozen=True)
class VariationalTable(abc.ABC, Generic[Params]):
    """A table of normal distributions; entries that are mostly noise are dropped.

    The parameters are a named tuple of arrays with a row for every object, means first.

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which something is dropped.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the means, called with (key, (V, d), param_dtype).
    """

    num_embeddings: int
    features: int
    threshold: float = 3.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    mean_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)

    @abc.abstractmethod
    def kl(self, params: Params) -> Float[Array, ""]:
        """Divergence of the posterior from the log-uniform prior, summed up.

        Args:
          params: the parameters.

        Returns:
          A scalar >= 0, see `ant_jax.embeddings.log_uniform.kl_divergence`.
        """

    @abc.abstractmethod
    def kept(self, params: Params) -> Bool[Array, "..."]:
        """Whether each entry, or each row, is kept.

        Args:
          params: the parameters, or some of their rows.

        Returns:
          Booleans that broadcast against the rows.
        """

    @abc.abstractmethod
    def _mean(self, rows: Params) -> Float[Array, "... features"]:
        """Rows without noise, before anything is dropped."""

    @abc.abstractmethod
    def _sample(self, key: PRNGKeyArray, rows: Params) -> Float[Array, "... features"]:
        """Rows with noise."""

    def lookup(
        self, params: Params, ids: ArrayLike, *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "... features"]:
        """Embeds ids, with noise for every occurrence if there is a key.

        Args:
          params: the parameters.
          ids: see `Embedding.lookup`.
          key: PRNG key of the noise, for training; None takes the means, and zeros for
            what is dropped, as in the saved table.

        Returns:
          Vectors, float (..., d), see `Embedding.lookup`.

        Raises:
          ValueError: ids are not integers.
        """
        ids = check_ids(ids)
        rows = jax.tree.map(lambda array: take_rows(array, ids), params)
        found = self._rows(rows) if key is None else self._sample(key, rows)
        return base.cast(found, self.dtype)

    def attend(
        self, params: Params, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        There is no noise.
        """
        dtype = base.score_dtype(self.dtype, h, params[0])
        return h.astype(dtype) @ self._rows(params).astype(dtype).T

    def matrix(self, params: Params) -> Float[Array, "vocab features"]:
        """The whole table without noise, (V, d). See `Embedding.matrix`."""
        return base.cast(self._rows(params), self.dtype)

    def num_params(self, params: Params) -> int:
        """Counts the entries that are kept. See `Embedding.num_params`."""
        return int(jnp.count_nonzero(self._rows(params)))

    def _sparse(self, params: Params) -> tuple[SparseEmbedding, SparseParams]:
        emb = SparseEmbedding(
            self.num_embeddings, self.features, self.dtype, self.param_dtype
        )
        return emb, SparseParams(self._rows(params))

    def _rows(self, params: Params) -> Float[Array, "... features"]:
        # A row of NaN, for an invalid id, is kept.
        return jnp.where(self.kept(params), self._mean(params), 0)
