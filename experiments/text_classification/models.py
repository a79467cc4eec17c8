"""A classifier of texts over any embedding of their words."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

import ant_jax as ant
from ant_jax.embeddings import Factored
from experiments.runner.noise import lookup_noise
from experiments.text_classification.input_pipeline import Examples


class ClassifierParams(NamedTuple):
    """Parameters of a `Classifier`."""

    embedding: Any  # of the embedding
    encoder: Any  # of the Flax module


@dataclasses.dataclass(frozen=True)
class Classifier:
    """Scores of classes, `encoder(embedding(tokens))`.

    Attributes:
      embedding: embedding of the words.
      encoder: a Flax module; see `encoders.Encoder`.
      fold: whether the encoder's first layer is applied to the anchors instead of the
        words where that is less work: the outputs are the same.
    """

    embedding: ant.Embedding
    encoder: Any
    fold: bool = True

    def init(self, key: PRNGKeyArray, length: int) -> ClassifierParams:
        """Fresh parameters for texts of this length."""
        embedding_key, encoder_key = jax.random.split(key)
        x = jnp.zeros((1, length, self.embedding.features))
        variables = self.encoder.init(encoder_key, x, jnp.ones(1, jnp.int32))
        return ClassifierParams(self.embedding.init(embedding_key), variables["params"])

    def logits(
        self,
        params: ClassifierParams,
        tokens: Int[Array | np.ndarray, "batch length"],
        lengths: Int[Array | np.ndarray, " batch"],
        *,
        key: PRNGKeyArray | None = None,
        temperature: Any = None,
    ) -> Float[Array, "batch classes"]:
        """Scores of the classes: int (B, L), int (B,) -> float (B, classes).

        Args:
          params: parameters of embedding and encoder.
          tokens: ids of words; those beyond its length are no part of a text.
          lengths: tokens of each text.
          key: of the noise while training; None to evaluate what is shipped.
          temperature: of clusters; None for that of the embedding's description.
        """
        noise: dict[str, Any] = {}
        rngs: dict[str, PRNGKeyArray] = {}
        if key is not None:
            noise_key, rngs["dropout"] = jax.random.split(key)
            noise = lookup_noise(self.embedding, noise_key, temperature)
        # Typed as Any, since only some embeddings have coefficients.
        embedding: Any = self.embedding
        encoder = params.encoder
        basis = self._fewer_rows(params.embedding)
        if basis is None:
            x = embedding.lookup(params.embedding, tokens, **noise)
        else:
            x = embedding.coefficients(params.embedding, tokens, **noise)
            encoder = self.encoder.fold(encoder, basis)
        places = jnp.arange(tokens.shape[1], dtype=lengths.dtype)
        there = places[None] < lengths[:, None]
        x = jnp.where(there[..., None], x, jnp.zeros((), x.dtype))
        scores: Array = self.encoder.apply(
            {"params": encoder}, x, lengths, train=key is not None, rngs=rngs
        )
        return scores

    def _fewer_rows(self, params: Any) -> Float[Array, "anchors features"] | None:
        """The basis to fold onto, or None if folding does not pay."""
        if not self.fold or not isinstance(self.embedding, Factored):
            return None
        basis: Array = self.embedding.basis(params)
        return basis if basis.shape[0] < basis.shape[1] else None

    def cross_entropy(
        self, params: ClassifierParams, batch: Examples, **noise: Any
    ) -> Float[Array, " batch"]:
        """Negative log-likelihood of the labels, float (B,); noise as in `logits`."""
        scores = self.logits(params, batch.tokens, batch.lengths, **noise)
        return optax.softmax_cross_entropy_with_integer_labels(scores, batch.labels)

    def error(
        self, params: ClassifierParams, batch: Examples
    ) -> Float[Array, " batch"]:
        """1 for every text whose class has not the highest score, float (B,)."""
        scores = self.logits(params, batch.tokens, batch.lengths)
        return (jnp.argmax(scores, axis=-1) != batch.labels).astype(jnp.float32)

    def num_params(self, params: ClassifierParams) -> int:
        """Embedding parameters."""
        return self.embedding.num_params(params.embedding)
