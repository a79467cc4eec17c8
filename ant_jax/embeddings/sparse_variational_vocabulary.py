"""Sparse variational dropout of the entries of a table and of whole words."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings.log_uniform import kl_divergence, log_alpha_of, perturb
from ant_jax.embeddings.sparse import SparseEmbedding, SparseParams
from ant_jax.embeddings.variational import VariationalTable, default_log_variance


class SparseVariationalVocabularyParams(NamedTuple):
    """Parameters of a `SparseVariationalVocabularyEmbedding`.

    Attributes:
      mean: of the entries, float (V, d).
      log_variance: of the entries, float (V, d).
      scale_mean: of the scale of each word, float (V, 1).
      scale_log_variance: of the scale of each word, float (V, 1).

    Example:
      >>> params = SparseVariationalVocabularyParams(
      ...     mean=jnp.array([[2.0, 0.01]]),
      ...     log_variance=jnp.zeros((1, 2)),
      ...     scale_mean=jnp.array([[3.0]]),
      ...     scale_log_variance=jnp.array([[-6.0]]),
      ... )
      >>> emb = SparseVariationalVocabularyEmbedding(num_embeddings=1, features=2)
      >>> emb.matrix(params).tolist()
      [[6.0, 0.0]]
    """

    mean: Float[Array, "vocab features"]
    log_variance: Float[Array, "vocab features"]
    scale_mean: Float[Array, "vocab 1"]
    scale_log_variance: Float[Array, "vocab 1"]


@dataclasses.dataclass(frozen=True)
class SparseVariationalVocabularyEmbedding(
    VariationalTable[SparseVariationalVocabularyParams]
):
    """A table whose entries and words learn dropout rates of their own.

    SparseVD-Voc of Chirkova, Lobacheva and Vetrov, *Bayesian Compression for Natural
    Language Processing*, EMNLP 2018: word v is `z_v w_v`, where the entries of w_v are
    those of a `SparseVariationalEmbedding` and the scale z_v is normal with a mean and
    a variance of its own, under the same prior. An entry is dropped when its log alpha
    exceeds the threshold, a word when that of its scale does: a word can go as a whole
    before each of its entries has.

    Noise is drawn for every occurrence of a word, one number for its scale and d for
    its entries. (The authors draw one table for each batch, and scales for each text.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which an entry or a word is dropped.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the entries' means, called with (key, (V, d),
        param_dtype). The means of the scales start at 1.
      log_variance_init: initializer of the log variances, called with (key, (V, d),
        param_dtype) for the entries and (key, (V, 1), param_dtype) for the scales; -6
        by default, as in the authors' code.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> ones = jax.nn.initializers.ones
      >>> emb = SparseVariationalVocabularyEmbedding(2, 3, mean_init=ones)
      >>> params = emb.init(jax.random.key(0))
      >>> round(float(emb.kl(params)), 2), emb.num_params(params)
      (29.09, 6)
    """

    method: ClassVar[str] = "sparse_vd_voc"

    log_variance_init: Initializer = default_log_variance

    def init(self, key: PRNGKeyArray) -> SparseVariationalVocabularyParams:
        """Draws entries (V, d) and scales (V, 1). See `Embedding.init`."""
        mean_key, variance_key, scale_key = jax.random.split(key, 3)
        shape, column = (self.num_embeddings, self.features), (self.num_embeddings, 1)
        dtype = self.param_dtype
        return SparseVariationalVocabularyParams(
            mean=self.mean_init(mean_key, shape, dtype),
            log_variance=self.log_variance_init(variance_key, shape, dtype),
            scale_mean=jnp.ones(column, dtype),
            scale_log_variance=self.log_variance_init(scale_key, column, dtype),
        )

    def kl(self, params: SparseVariationalVocabularyParams) -> Float[Array, ""]:
        """Divergence of entries and scales, summed up. See `VariationalTable.kl`."""
        entries = kl_divergence(log_alpha_of(params.mean, params.log_variance))
        return jnp.sum(entries) + jnp.sum(kl_divergence(self._scale_log_alpha(params)))

    def kept(
        self, params: SparseVariationalVocabularyParams
    ) -> Bool[Array, "... features"]:
        """Whether an entry and its word are kept, (..., d). See `VariationalTable`."""
        log_alpha = log_alpha_of(params.mean, params.log_variance)
        dropped = (log_alpha > self.threshold) | (
            self._scale_log_alpha(params) > self.threshold
        )
        return ~dropped

    def shrink(
        self, params: SparseVariationalVocabularyParams
    ) -> tuple[SparseEmbedding, SparseParams]:
        """Removes what is dropped. See `SparseVariationalEmbedding.shrink`."""
        return self._sparse(params)

    def _mean(
        self, rows: SparseVariationalVocabularyParams
    ) -> Float[Array, "... features"]:
        return rows.scale_mean * rows.mean

    def _sample(
        self, key: PRNGKeyArray, rows: SparseVariationalVocabularyParams
    ) -> Float[Array, "... features"]:
        entry_key, scale_key = jax.random.split(key)
        entries = perturb(entry_key, rows.mean, jnp.exp(rows.log_variance / 2))
        deviation = jnp.exp(rows.scale_log_variance / 2)
        return perturb(scale_key, rows.scale_mean, deviation) * entries

    def _scale_log_alpha(
        self, params: SparseVariationalVocabularyParams
    ) -> Float[Array, "... 1"]:
        return log_alpha_of(params.scale_mean, params.scale_log_variance)
