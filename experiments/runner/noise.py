"""What methods that draw noise add to a lookup and to the loss."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray

from experiments.runner.config import TrainingConfig


def lookup_noise(
    embedding: Any, key: PRNGKeyArray, temperature: Any = None
) -> dict[str, Any]:
    """The arguments that a lookup takes while training; none without noise."""
    if hasattr(embedding, "temperature"):
        return {"key": key, "temperature": temperature}
    return {"key": key} if hasattr(embedding, "kl") else {}


def temperature_schedule(config: TrainingConfig) -> optax.Schedule:
    """The Gumbel-softmax temperature by the steps taken."""
    if not config.temperature_halving_steps:
        return optax.constant_schedule(config.temperature)
    return optax.exponential_decay(
        config.temperature,
        config.temperature_halving_steps,
        decay_rate=0.5,
        end_value=config.temperature_end,
    )


def divergence(
    config: TrainingConfig, embedding: Any, params: Any, step: Array, num_examples: int
) -> Any:
    """The weighted divergence of variational dropout; 0 for other methods."""
    if not hasattr(embedding, "kl"):
        return 0.0
    ramp = jnp.minimum(1.0, (step + 1) / max(1, config.kl_warmup_steps))
    return ramp * config.kl_weight / num_examples * embedding.kl(params)
