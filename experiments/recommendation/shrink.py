"""Pruning and refitting the tables of a finished run, within the limits of a run."""

from collections.abc import Callable
from typing import Any

from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

import ant_jax as ant
from ant_jax import training
from ant_jax.optim import halving_schedule
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples, Prepared
from experiments.recommendation.models import MatrixFactorization
from experiments.recommendation.optimizer import make_epoch, make_trainer
from experiments.refitting import Refit
from experiments.shrinking import Shrinker

SPARSE = ("ant", "nbant", "sparse_cbow", "slimming")
_CURVATURE_BATCH = 1024
# So few make the estimate of a row that many examples share wrong by 9 % or less.
_CURVATURE_PASSES = 256


def check_budgets(config: Config, model: MatrixFactorization) -> None:
    """Refuses budgets that pruning cannot meet.

    Raises:
      ValueError: the last is below what the anchors may take, or the method has no
        sparse table.
    """
    if not config.limits:
        return
    if config.method not in SPARSE:
        raise ValueError(f"budgets are for {', '.join(SPARSE)}, not {config.method}.")
    dense = sum(
        table.features * table.num_anchors
        for table in (model.users, model.items)
        if isinstance(table, ant.AnchorEmbedding)
    )
    if config.limits[-1] < dense:
        most = "may be" if config.method == "nbant" else "are"
        raise ValueError(
            f"budgets ask for {config.limits[-1]} parameters, but the anchors alone "
            f"{most} {dense}."
        )


def make_shrinker(
    config: Config,
    model: MatrixFactorization,
    prepared: Prepared,
    train: Examples,
    validate: Callable[[Any], float],
    key: PRNGKeyArray,
    mesh: Mesh,
) -> Shrinker:
    """The shrinker of a run; see `Refit` for what it takes."""
    steps = max(1, len(train.users) // config.batch_size)
    trainer = make_trainer(
        config,
        model,
        prepared,
        halving_schedule(config.refit_learning_rate, steps),
        config.refit_l1,
        steps * max(1, config.refit_epochs),
        mesh,
        zeros_stay=True,
    )
    curvature = training.make_curvature(
        lambda params, batch: model.predict(params, batch.users, batch.items),
        max(1, min(_CURVATURE_BATCH, len(train.users) // _CURVATURE_PASSES)),
        mesh,
    )
    refit = Refit(
        config, trainer, make_epoch(config, trainer, mesh), train, validate, key, mesh
    )
    return Shrinker(
        config,
        refit,
        num_params=model.num_params,
        validate=validate,
        curvature=(
            (lambda params, key: curvature(params, train, key))
            if config.prune_by == "curvature"
            else None
        ),
    )
