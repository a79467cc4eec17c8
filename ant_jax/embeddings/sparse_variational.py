"""Sparse variational dropout: every entry of a table learns a dropout rate."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.embeddings.log_uniform import kl_divergence, log_alpha_of, perturb
from ant_jax.embeddings.sparse import SparseEmbedding, SparseParams

# The same object in every description, so that they are equal.
_minus_six = jax.nn.initializers.constant(-6.0)


class SparseVariationalParams(NamedTuple):
    """Parameters of a `SparseVariationalEmbedding`."""

    mean: Float[Array, "vocab features"]  # (V, d)
    log_variance: Float[Array, "vocab features"]  # (V, d)


@dataclasses.dataclass(frozen=True)
class SparseVariationalEmbedding:
    """A table in which every entry has a dropout rate of its own, and learns it.

    Molchanov, Ashukha and Vetrov, *Variational dropout sparsifies deep neural
    networks*, ICML 2017; for embeddings Chirkova, Lobacheva and Vetrov, *Bayesian
    Compression for Natural Language Processing*, EMNLP 2018, whose SparseVD this is.
    While it is trained an entry is normal with a mean and a variance of its own. The
    loss is that of the task plus `kl(params)`, weighed by one over the number of
    training examples and, at first, by less. Entries whose log alpha, that of `variance
    / mean^2`, passes the threshold are dropped: outside training they are zero, and
    `shrink` leaves them out.

    Noise is drawn for every occurrence of a word, as the local reparameterization trick
    has it: independent noise lowers the variance of gradients, and costs what the batch
    holds and not V d. (The authors draw one table for each batch.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which an entry is dropped, 3 in both papers.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the means, called with (key, (V, d), param_dtype).
      log_variance_init: initializer of log variances, called like that of the means; by
        default -6, which is what the authors of SparseVD for text ran.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> emb = SparseVariationalEmbedding(num_embeddings=1, features=2)
      >>> params = SparseVariationalParams(jnp.array([[2.0, 0.01]]), jnp.zeros((1, 2)))
      >>> emb.lookup(params, 0).tolist()
      [2.0, 0.0]
    """

    method: ClassVar[str] = "sparse_vd"

    num_embeddings: int
    features: int
    threshold: float = 3.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    mean_init: Initializer = default_full
    log_variance_init: Initializer = _minus_six

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)

    def init(self, key: PRNGKeyArray) -> SparseVariationalParams:
        """Draws means and log variances, (V, d) each."""
        mean_key, variance_key = jax.random.split(key)
        shape = (self.num_embeddings, self.features)
        return SparseVariationalParams(
            mean=self.mean_init(mean_key, shape, self.param_dtype),
            log_variance=self.log_variance_init(variance_key, shape, self.param_dtype),
        )

    def lookup(
        self,
        params: SparseVariationalParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          params: means and log variances.
          ids: integers of any shape (...), each in [0, V). As in Flax's `Embed`, an id
            in [-V, 0) counts from the end.
          key: key of the noise; None for what is shipped: the means, and zero for
            entries that are dropped.

        Returns:
          Vectors of shape (..., d) and dtype `dtype`; NaN for an id outside [-V, V).

        Raises:
          ValueError: ids are not of an integer type.
        """
        ids = base.check_ids(ids)
        rows = SparseVariationalParams(*(base.take_rows(p, ids) for p in params))
        if key is None:
            return base.cast(self._rows(rows), self.dtype)
        deviation = jnp.exp(rows.log_variance / 2)
        return base.cast(perturb(key, rows.mean, deviation), self.dtype)

    def attend(
        self, params: SparseVariationalParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every word, without noise: `h Eᵀ`."""
        dtype = base.score_dtype(self.dtype, h, params.mean)
        table = self._rows(params)
        return h.astype(dtype) @ table.astype(dtype).T

    def matrix(self, params: SparseVariationalParams) -> Float[Array, "vocab features"]:
        """The whole table (V, d) without noise: means, and zero for what is dropped."""
        return base.cast(self._rows(params), self.dtype)

    def num_params(self, params: SparseVariationalParams) -> int:
        """The entries that are kept, indices not counted."""
        return int(jnp.count_nonzero(self._rows(params)))

    def kl(self, params: SparseVariationalParams) -> Float[Array, ""]:
        """Divergence from the prior, summed over entries; see `kl_divergence`."""
        return jnp.sum(kl_divergence(log_alpha_of(*params)))

    def kept(self, params: SparseVariationalParams) -> Bool[Array, "... features"]:
        """Whether each entry is kept, (V, d), or of the shape of other rows."""
        # A row of NaN, of an id that is none, is not dropped.
        return ~(log_alpha_of(*params) > self.threshold)

    def shrink(
        self, params: SparseVariationalParams
    ) -> tuple[SparseEmbedding, SparseParams]:
        """The entries that are kept, and zeros: what is shipped.

        Returns:
          A description and parameters that embed every id as `lookup` does without a
          key.
        """
        emb = SparseEmbedding(
            self.num_embeddings, self.features, self.dtype, self.param_dtype
        )
        return emb, SparseParams(self._rows(params))

    def _rows(self, params: SparseVariationalParams) -> Float[Array, "... features"]:
        return jnp.where(self.kept(params), params.mean, 0)
