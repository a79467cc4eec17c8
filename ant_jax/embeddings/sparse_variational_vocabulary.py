"""Sparse variational dropout of the entries of a table and of whole words."""

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


class SparseVariationalVocabularyParams(NamedTuple):
    """Parameters of a `SparseVariationalVocabularyEmbedding`."""

    mean: Float[Array, "vocab features"]  # of the entries, (V, d)
    log_variance: Float[Array, "vocab features"]  # (V, d)
    scale_mean: Float[Array, "vocab 1"]  # of the words' scales, (V, 1)
    scale_log_variance: Float[Array, "vocab 1"]  # (V, 1)


@dataclasses.dataclass(frozen=True)
class SparseVariationalVocabularyEmbedding:
    """A table whose entries, and whose words, learn dropout rates of their own.

    SparseVD-Voc of Chirkova, Lobacheva and Vetrov, *Bayesian Compression for Natural
    Language Processing*, EMNLP 2018: word v is `z_v w_v`, where the entries of w_v are
    those of a `SparseVariationalEmbedding` and the scale z_v is a normal of its own,
    under the same prior. An entry is dropped with its own log alpha above the
    threshold, and a word with that of its scale: it can go as a whole, before every one
    of its entries has gone.

    Noise is drawn for every occurrence of a word, one number for its scale and d for
    its entries. (The authors draw one table for each batch, and scales for each text.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which an entry or a word is dropped.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the entries' means, called with (key, (V, d),
        param_dtype). The scales' start as 1.
      log_variance_init: initializer of log variances, called for the entries with (key,
        (V, d), param_dtype) and for the scales with (key, (V, 1), param_dtype); by
        default -6, which is what the authors ran.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> emb = SparseVariationalVocabularyEmbedding(num_embeddings=9, features=4)
      >>> float(emb.kl(emb.init(jax.random.key(0)))) > 0
      True
    """

    method: ClassVar[str] = "sparse_vd_voc"

    num_embeddings: int
    features: int
    threshold: float = 3.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    mean_init: Initializer = default_full
    log_variance_init: Initializer = _minus_six

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)

    def init(self, key: PRNGKeyArray) -> SparseVariationalVocabularyParams:
        """Draws means and log variances, (V, d) of entries and (V, 1) of scales."""
        mean_key, variance_key, scale_key = jax.random.split(key, 3)
        shape, column = (self.num_embeddings, self.features), (self.num_embeddings, 1)
        dtype = self.param_dtype
        return SparseVariationalVocabularyParams(
            mean=self.mean_init(mean_key, shape, dtype),
            log_variance=self.log_variance_init(variance_key, shape, dtype),
            scale_mean=jnp.ones(column, dtype),
            scale_log_variance=self.log_variance_init(scale_key, column, dtype),
        )

    def lookup(
        self,
        params: SparseVariationalVocabularyParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          params: means and log variances.
          ids: integers of any shape (...), each in [0, V). As in Flax's `Embed`, an id
            in [-V, 0) counts from the end.
          key: key of the noise; None for what is shipped: products of means, and zero
            for entries and words that are dropped.

        Returns:
          Vectors of shape (..., d) and dtype `dtype`; NaN for an id outside [-V, V).

        Raises:
          ValueError: ids are not of an integer type.
        """
        ids = base.check_ids(ids)
        rows = SparseVariationalVocabularyParams(
            *(base.take_rows(p, ids) for p in params)
        )
        if key is None:
            return base.cast(self._rows(rows), self.dtype)
        entry_key, scale_key = jax.random.split(key)
        entries = perturb(entry_key, rows.mean, jnp.exp(rows.log_variance / 2))
        deviation = jnp.exp(rows.scale_log_variance / 2)
        scales = perturb(scale_key, rows.scale_mean, deviation)
        return base.cast(scales * entries, self.dtype)

    def attend(
        self, params: SparseVariationalVocabularyParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every word, without noise: `h Eᵀ`."""
        dtype = base.score_dtype(self.dtype, h, params.mean)
        return h.astype(dtype) @ self._rows(params).astype(dtype).T

    def matrix(
        self, params: SparseVariationalVocabularyParams
    ) -> Float[Array, "vocab features"]:
        """The whole table (V, d) without noise, zero where something is dropped."""
        return base.cast(self._rows(params), self.dtype)

    def num_params(self, params: SparseVariationalVocabularyParams) -> int:
        """The entries that are kept, of words that are kept, indices not counted."""
        return int(jnp.count_nonzero(self._rows(params)))

    def kl(self, params: SparseVariationalVocabularyParams) -> Float[Array, ""]:
        """Divergence from the prior, summed over entries and scales."""
        entries = kl_divergence(log_alpha_of(params.mean, params.log_variance))
        return jnp.sum(entries) + jnp.sum(kl_divergence(self._scale_log_alpha(params)))

    def kept(
        self, params: SparseVariationalVocabularyParams
    ) -> Bool[Array, "... features"]:
        """Whether each entry and its word are kept, (V, d), or as other rows are."""
        log_alpha = log_alpha_of(params.mean, params.log_variance)
        dropped = (log_alpha > self.threshold) | (
            self._scale_log_alpha(params) > self.threshold
        )
        # A row of NaN, of an id that is none, is not dropped.
        return ~dropped

    def shrink(
        self, params: SparseVariationalVocabularyParams
    ) -> tuple[SparseEmbedding, SparseParams]:
        """The products of means that are kept, and zeros: what is shipped.

        Returns:
          A description and parameters that embed every id as `lookup` does without a
          key.
        """
        emb = SparseEmbedding(
            self.num_embeddings, self.features, self.dtype, self.param_dtype
        )
        return emb, SparseParams(self._rows(params))

    def _scale_log_alpha(
        self, params: SparseVariationalVocabularyParams
    ) -> Float[Array, "... 1"]:
        return log_alpha_of(params.scale_mean, params.scale_log_variance)

    def _rows(
        self, params: SparseVariationalVocabularyParams
    ) -> Float[Array, "... features"]:
        return jnp.where(self.kept(params), params.scale_mean * params.mean, 0)
