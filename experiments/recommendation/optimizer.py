"""Learning rate, penalty and optimizer of a run."""

from typing import Any

import optax

import ant_jax as ant
from ant_jax.optim import halving_schedule, warmup_schedule
from experiments.recommendation.configs import Config


def make_optimizer(
    rate: Any, l1: Any, metric: str
) -> optax.GradientTransformationExtraArgs:
    """Yogi, and its proximal twin for the transforms."""
    return optax.multi_transform(
        {
            "transform": ant.proximal_yogi(rate, l1, metric=metric),
            "other": ant.yogi(rate),
        },
        ant.param_labels,
    )


def schedules(config: Config) -> tuple[Any, Any]:
    """Learning rate and penalty of a config, numbers or schedules."""
    rate: Any = config.learning_rate
    if config.halving_steps:
        rate = halving_schedule(rate, config.halving_steps)
    l1: Any = config.l1
    if config.l1_warmup_steps:
        l1 = warmup_schedule(l1, config.l1_warmup_steps)
    return rate, l1
