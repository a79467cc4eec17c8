"""Variational vocabulary dropout (VVD): every word learns a dropout rate."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.embeddings.full import FullEmbedding, FullParams
from ant_jax.embeddings.log_uniform import clip_log_alpha, kl_divergence, perturb
from ant_jax.embeddings.selected import SelectedEmbedding, SelectedParams, select_rows
from ant_jax.embeddings.variational import VariationalTable

# One object for all descriptions, so that they are equal.
_uniform = jax.nn.initializers.uniform(3.0)


class VariationalVocabularyParams(NamedTuple):
    """Parameters of a `VariationalVocabularyEmbedding`.

    Attributes:
      mean: float (V, d).
      log_alpha: log of the dropout ratio of each word, float (V, 1).

    Example:
      >>> params = VariationalVocabularyParams(
      ...     mean=jnp.array([[1.0, 2.0], [3.0, 4.0]]),
      ...     log_alpha=jnp.array([[-2.0], [5.0]]),
      ... )
      >>> emb = VariationalVocabularyEmbedding(num_embeddings=2, features=2)
      >>> emb.matrix(params).tolist()
      [[1.0, 2.0], [0.0, 0.0]]
    """

    mean: Float[Array, "vocab features"]
    log_alpha: Float[Array, "vocab 1"]


@dataclasses.dataclass(frozen=True)
class VariationalVocabularyEmbedding(VariationalTable[VariationalVocabularyParams]):
    """A table in which every word learns a dropout rate of its own.

    Chen, Su, Shen, Chen, Yan, Wang, *How Large a Vocabulary Does Text Classification
    Need? A Variational Approach to Vocabulary Selection*, NAACL 2019. In training a
    word is `m_v (1 + sqrt(alpha_v) n)`, n standard normal, where the dropout rate of
    the word is `alpha_v / (1 + alpha_v)`. The loss is that of the task plus
    `kl(params)`, weighted by one over the number of training examples and, at first, by
    less. Words whose log alpha exceeds the threshold are dropped: they are zero outside
    training, and `shrink` removes them.

    Noise is drawn for every occurrence of a word and every feature, as in the local
    reparameterization trick: independent noise lowers the variance of gradients, and
    its cost depends on the batch and not on V. (The authors' program draws d numbers
    for each document, shared by all of its words.)

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      threshold: log alpha above which a word is dropped; the paper's 3 is a dropout
        rate of 0.95.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the parameters.
      mean_init: initializer of the means, called with (key, (V, d), param_dtype).
      log_alpha_init: initializer of log alpha, called with (key, (V, 1), param_dtype);
        uniform in [0, 3) by default, as in the authors' code.

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

    log_alpha_init: Initializer = _uniform

    def init(self, key: PRNGKeyArray) -> VariationalVocabularyParams:
        """Draws the means (V, d) and log alpha (V, 1). See `Embedding.init`."""
        mean_key, alpha_key = jax.random.split(key)
        shape = (self.num_embeddings, self.features)
        return VariationalVocabularyParams(
            mean=self.mean_init(mean_key, shape, self.param_dtype),
            log_alpha=self.log_alpha_init(alpha_key, (shape[0], 1), self.param_dtype),
        )

    def num_params(self, params: VariationalVocabularyParams) -> int:
        """(u + 1) d for u kept words, as `shrink` keeps. See `Embedding.num_params`."""
        return (int(jnp.count_nonzero(self.kept(params))) + 1) * self.features

    def kl(self, params: VariationalVocabularyParams) -> Float[Array, ""]:
        """Divergence from the prior, summed over words. See `VariationalTable.kl`."""
        return jnp.sum(kl_divergence(clip_log_alpha(params.log_alpha)))

    def kept(self, params: VariationalVocabularyParams) -> Bool[Array, "... 1"]:
        """Whether each word is kept, (..., 1). See `VariationalTable.kept`."""
        return ~jnp.greater(params.log_alpha, self.threshold)

    def shrink(
        self, params: VariationalVocabularyParams
    ) -> tuple[SelectedEmbedding, SelectedParams]:
        """Keeps the means of the kept words, and one zero row for all others.

        Args:
          params: means and log alpha.

        Returns:
          A description and parameters whose lookup is that of this embedding without a
          key.
        """
        kept = np.flatnonzero(np.asarray(self.kept(params)))
        full = FullEmbedding(
            self.num_embeddings, self.features, self.dtype, self.param_dtype
        )
        zero = jnp.zeros(self.features, params.mean.dtype)
        return select_rows(full, FullParams(params.mean), kept, zero)

    def _mean(self, rows: VariationalVocabularyParams) -> Float[Array, "... features"]:
        return rows.mean

    def _sample(
        self, key: PRNGKeyArray, rows: VariationalVocabularyParams
    ) -> Float[Array, "... features"]:
        deviation = jnp.exp(clip_log_alpha(rows.log_alpha) / 2)
        return rows.mean * perturb(key, jnp.ones_like(rows.mean), deviation)
