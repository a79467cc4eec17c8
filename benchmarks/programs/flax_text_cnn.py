"""The text CNN as users of Flax have it: `nn.Embed`, `nn.Conv` and `optax.adam`."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float, Int

from benchmarks.programs.text_classifier import Timed, time_epochs
from benchmarks.texts import TextWorkload
from experiments.text_classification.input_pipeline import Examples


class TextCNN(nn.Module):
    """The model of `experiments.text_classification`, for texts of one length.

    Attributes:
      num_words: size of the vocabulary.
      num_classes: number of classes.
      features: length of an embedding vector.
      filters: filters of each of the widths 3, 4 and 5.
      dropout: share of the pooled features that training drops.
    """

    num_words: int
    num_classes: int
    features: int
    filters: int
    dropout: float

    @nn.compact
    def __call__(
        self, tokens: Int[Array, "batch length"], *, train: bool = False
    ) -> Float[Array, "batch classes"]:
        """Scores texts: int (B, L) -> float (B, classes)."""
        x = nn.Embed(self.num_words, self.features)(tokens)
        pooled = [
            jnp.max(nn.relu(nn.Conv(self.filters, (w,), padding="VALID")(x)), axis=1)
            for w in (3, 4, 5)
        ]
        features = jnp.concatenate(pooled, axis=-1)
        features = nn.Dropout(self.dropout, deterministic=not train)(features)
        return nn.Dense(self.num_classes)(features)


def make_model(workload: TextWorkload) -> TextCNN:
    """The model for a workload."""
    config = workload.config
    return TextCNN(
        workload.num_words,
        workload.num_classes,
        config.features,
        config.filters,
        config.dropout,
    )


def steps(workload: TextWorkload) -> Timed:
    """Trains in turns; see `benchmarks.turns`.

    A call a step, with donated state: in a loop that is compiled, XLA's convolutions
    are 10 to 20 times slower on a CPU.
    """
    config = workload.config
    model = make_model(workload)
    tx = optax.adam(config.learning_rate)

    def loss_fn(params: Any, batch: Examples, key: Array) -> Array:
        scores = model.apply(params, batch.tokens, train=True, rngs={"dropout": key})
        return jnp.mean(
            optax.softmax_cross_entropy_with_integer_labels(scores, batch.labels)
        )

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, batch: Examples) -> Any:
        params, opt_state, key = state
        key, noise_key = jax.random.split(key)
        gradients = jax.grad(loss_fn)(params, batch, noise_key)
        updates, opt_state = tx.update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, key

    def run(state: Any, data: Examples) -> Any:
        for start in range(0, len(data.labels), config.batch_size):
            stop = start + config.batch_size
            state = step(state, Examples(*(column[start:stop] for column in data)))
        return state

    @jax.jit
    def create(key: Array) -> Any:
        params = model.init(key, jnp.zeros((1, config.length), jnp.int32))
        return params, tx.init(params), key

    return time_epochs(workload, run, create(jax.random.key(config.seed)))
