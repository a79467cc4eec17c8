"""Sparse variational dropout: every entry of a table learns a dropout rate."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings.log_uniform import kl_divergence, log_alpha_of, perturb
from ant_jax.embeddings.sparse import SparseEmbedding, SparseParams
from ant_jax.embeddings.variational import VariationalTable, default_log_variance


class SparseVariationalParams(NamedTuple):
    """Parameters of a `SparseVariationalEmbedding`.

    Attributes:
      mean: float (V, d).
      log_variance: float (V, d).

    Example:
      >>> params = SparseVariationalParams(jnp.array([[2.0, 0.01]]), jnp.zeros((1, 2)))
      >>> emb = SparseVariationalEmbedding(num_embeddings=1, features=2)
      >>> emb.kept(params).tolist()
      [[True, False]]
    """

    mean: Float[Array, "vocab features"]
    log_variance: Float[Array, "vocab features"]


@dataclasses.dataclass(frozen=True)
class SparseVariationalEmbedding(VariationalTable[SparseVariationalParams]):
    """A table in which every entry learns a dropout rate of its own.

    Molchanov, Ashukha and Vetrov, *Variational dropout sparsifies deep neural
    networks*, ICML 2017; SparseVD for embeddings is that of Chirkova, Lobacheva and
    Vetrov, *Bayesian Compression for Natural Language Processing*, EMNLP 2018. In
    training an entry is normal, with a mean and a variance of its own. The loss is that
    of the task plus `kl(params)`, weighted by one over the number of training examples
    and, at first, by less. Entries are dropped whose log alpha, the log of `variance /
    mean^2`, exceeds the threshold: they are zero outside training, and `shrink` removes
    them.

    Noise is drawn for every occurrence of a word, as in the local reparameterization
    trick: independent noise lowers the variance of gradients, and its cost depends on
    the batch and not on V d. (The authors draw one table for each batch.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which an entry is dropped, 3 in both papers.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the means, called with (key, (V, d), param_dtype).
      log_variance_init: initializer of the log variances, called in the same way; -6 by
        default, as in the code of SparseVD for text.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> emb = SparseVariationalEmbedding(num_embeddings=1, features=2)
      >>> params = SparseVariationalParams(jnp.array([[2.0, 0.01]]), jnp.zeros((1, 2)))
      >>> emb.lookup(params, 0).tolist()
      [2.0, 0.0]
    """

    method: ClassVar[str] = "sparse_vd"

    log_variance_init: Initializer = default_log_variance

    def init(self, key: PRNGKeyArray) -> SparseVariationalParams:
        """Draws means and log variances, (V, d) each. See `Embedding.init`."""
        mean_key, variance_key = jax.random.split(key)
        shape = (self.num_embeddings, self.features)
        return SparseVariationalParams(
            mean=self.mean_init(mean_key, shape, self.param_dtype),
            log_variance=self.log_variance_init(variance_key, shape, self.param_dtype),
        )

    def kl(self, params: SparseVariationalParams) -> Float[Array, ""]:
        """Divergence from the prior, summed over entries. See `VariationalTable.kl`."""
        return jnp.sum(kl_divergence(log_alpha_of(*params)))

    def kept(self, params: SparseVariationalParams) -> Bool[Array, "... features"]:
        """Whether each entry is kept, (..., d). See `VariationalTable.kept`."""
        return ~(log_alpha_of(*params) > self.threshold)

    def shrink(
        self, params: SparseVariationalParams
    ) -> tuple[SparseEmbedding, SparseParams]:
        """Removes what is dropped: the table that is shipped.

        Args:
          params: means and log variances.

        Returns:
          A description and parameters whose lookup is that of this embedding without a
          key.
        """
        return self._sparse(params)

    def _mean(self, rows: SparseVariationalParams) -> Float[Array, "... features"]:
        return rows.mean

    def _sample(
        self, key: PRNGKeyArray, rows: SparseVariationalParams
    ) -> Float[Array, "... features"]:
        return perturb(key, rows.mean, jnp.exp(rows.log_variance / 2))
