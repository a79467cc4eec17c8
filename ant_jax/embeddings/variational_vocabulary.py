"""Variational vocabulary dropout (VVD): every word learns a dropout rate."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.full import FullEmbedding, FullParams
from ant_jax.embeddings.initializers import default_full
from ant_jax.embeddings.log_uniform import clip_log_alpha, kl_divergence, perturb
from ant_jax.embeddings.selected import SelectedEmbedding, SelectedParams, select_rows

# The same object in every description, so that they are equal.
_uniform = jax.nn.initializers.uniform(3.0)


class VariationalVocabularyParams(NamedTuple):
    """Parameters of a `VariationalVocabularyEmbedding`."""

    mean: Float[Array, "vocab features"]  # (V, d)
    log_alpha: Float[Array, "vocab 1"]  # (V, 1), log of each word's dropout ratio


@dataclasses.dataclass(frozen=True)
class VariationalVocabularyEmbedding:
    """A table in which every word has a dropout rate of its own, and learns it.

    Chen, Su, Shen, Chen, Yan, Wang, *How Large a Vocabulary Does Text Classification
    Need? A Variational Approach to Vocabulary Selection*, NAACL 2019. While it is
    trained a word is `m_v (1 + sqrt(alpha_v) n)`, n standard normal, where the dropout
    rate of the word is `alpha_v / (1 + alpha_v)`. The loss is that of the task plus
    `kl(params)`, weighed by one over the number of training examples and, at first, by
    less. Words whose log alpha passes the threshold are dropped: outside training they
    are zero, and `shrink` leaves them out.

    Noise is drawn for every occurrence of a word and every feature, as the local
    reparameterization trick has it: independent noise lowers the variance of gradients,
    and costs what the batch holds and not V. (The authors' program draws d numbers for
    each document, which all of its words share.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which a word is dropped; the paper's 3 is a dropout
        rate of 0.95.
      dtype: dtype of what `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the means, called with (key, (V, d), param_dtype).
      log_alpha_init: initializer of log alpha, called with (key, (V, 1), param_dtype);
        by default uniform in [0, 3), which is what the authors ran.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> emb = VariationalVocabularyEmbedding(num_embeddings=1000, features=16)
      >>> params = emb.init(jax.random.key(0))
      >>> noisy = emb.lookup(params, jnp.array([1, 1]), key=jax.random.key(1))
      >>> bool((noisy[0] == noisy[1]).any())
      False
    """

    method: ClassVar[str] = "vvd"

    num_embeddings: int
    features: int
    threshold: float = 3.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    mean_init: Initializer = default_full
    log_alpha_init: Initializer = _uniform

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)

    def init(self, key: PRNGKeyArray) -> VariationalVocabularyParams:
        """Draws the means (V, d) and log alpha (V, 1)."""
        mean_key, alpha_key = jax.random.split(key)
        shape = (self.num_embeddings, self.features)
        return VariationalVocabularyParams(
            mean=self.mean_init(mean_key, shape, self.param_dtype),
            log_alpha=self.log_alpha_init(alpha_key, (shape[0], 1), self.param_dtype),
        )

    def lookup(
        self,
        params: VariationalVocabularyParams,
        ids: ArrayLike,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "... features"]:
        """Embeds ids.

        Args:
          params: means and log alpha.
          ids: integers of any shape (...), each in [0, V). As in Flax's `Embed`, an id
            in [-V, 0) counts from the end.
          key: key of the noise; None for what is shipped: the means, and zero for words
            that are dropped.

        Returns:
          Vectors of shape (..., d) and dtype `dtype`; NaN for an id outside [-V, V).

        Raises:
          ValueError: ids are not of an integer type.
        """
        ids = base.check_ids(ids)
        rows = VariationalVocabularyParams(*(base.take_rows(p, ids) for p in params))
        if key is None:
            return base.cast(self._rows(rows), self.dtype)
        deviation = jnp.exp(clip_log_alpha(rows.log_alpha) / 2)
        noise = perturb(key, jnp.ones_like(rows.mean), deviation)
        return base.cast(rows.mean * noise, self.dtype)

    def attend(
        self, params: VariationalVocabularyParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries (..., d) against every word, without noise: `h Eᵀ`."""
        dtype = base.score_dtype(self.dtype, h, params.mean)
        return h.astype(dtype) @ self._rows(params).astype(dtype).T

    def matrix(
        self, params: VariationalVocabularyParams
    ) -> Float[Array, "vocab features"]:
        """The whole table (V, d) without noise: means, and zero for dropped words."""
        return base.cast(self._rows(params), self.dtype)

    def num_params(self, params: VariationalVocabularyParams) -> int:
        """(u + 1) d for u kept words, which is what `shrink` leaves."""
        return (int(jnp.count_nonzero(self.kept(params))) + 1) * self.features

    def kl(self, params: VariationalVocabularyParams) -> Float[Array, ""]:
        """Divergence from the prior, summed over words; see `kl_divergence`."""
        return jnp.sum(kl_divergence(clip_log_alpha(params.log_alpha)))

    def kept(self, params: VariationalVocabularyParams) -> Bool[Array, "... 1"]:
        """Whether each word is kept, (V, 1), or of the shape of other rows."""
        # A row of NaN, of an id that is none, is not dropped.
        return ~jnp.greater(params.log_alpha, self.threshold)

    def shrink(
        self, params: VariationalVocabularyParams
    ) -> tuple[SelectedEmbedding, SelectedParams]:
        """The kept words' means and one zero row for all others: what is shipped.

        Returns:
          A description and parameters that embed every id as `lookup` does without a
          key.
        """
        kept = np.flatnonzero(np.asarray(self.kept(params)))
        full = FullEmbedding(
            self.num_embeddings, self.features, self.dtype, self.param_dtype
        )
        zero = jnp.zeros(self.features, params.mean.dtype)
        return select_rows(full, FullParams(params.mean), kept, zero)

    def _rows(
        self, params: VariationalVocabularyParams
    ) -> Float[Array, "... features"]:
        return jnp.where(self.kept(params), params.mean, 0)
