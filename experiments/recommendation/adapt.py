"""Settings of nbANT, and the model that is left when it is done."""

import dataclasses
from typing import Any

import ant_jax as ant
from ant_jax import training
from ant_jax.nonparametric import Controller, objective
from experiments.recommendation.configs import Config
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)


def make_adaptation(
    config: Config, trainer: training.Trainer
) -> training.Adaptation | None:
    """How the number of anchors follows the objective; None where it is fixed."""
    if config.method != "nbant":
        return None
    controller = Controller(
        max_anchors=config.max_anchors,
        step=config.anchor_step,
        window=config.trend_window,
        tolerance=config.trend_tolerance,
        delay=config.trend_delay,
        warmup=config.trend_warmup,
        trend=config.trend,
        tables=config.anchors_move,
    )

    price = config.l1 if config.nonzero_cost is None else config.nonzero_cost

    def figure(loss: float, nonzeros: int, anchors: int) -> float:
        return float(objective(loss, nonzeros, anchors, price, config.anchor_cost))

    start = {"users": config.user_anchors, "items": config.item_anchors}
    return training.Adaptation(controller, start, figure, trainer.resize)


def fit_anchors(
    model: MatrixFactorization, params: MatrixFactorizationParams
) -> MatrixFactorization:
    """The model with as many anchors as the parameters have."""

    def one(embedding: Any, values: Any) -> Any:
        if not isinstance(values, ant.AnchorParams):
            return embedding
        return dataclasses.replace(embedding, num_anchors=len(values.anchors))

    return dataclasses.replace(
        model,
        users=one(model.users, params.users),
        items=one(model.items, params.items),
    )
