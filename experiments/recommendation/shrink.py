"""After training: T without its ripples, trained on for a while without the penalty."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from ant_jax import training
from ant_jax.embeddings import prune_to_size, prune_to_tolerance
from ant_jax.optim import halving_schedule
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
    split_tables,
)
from experiments.recommendation.optimizer import make_epoch, make_trainer


def check_limit(config: Config, model: MatrixFactorization) -> None:
    """Refuses a limit that pruning T cannot meet.

    Raises:
      ValueError: the limit is below what is not in T.
    """
    if config.method != "ant" or config.max_emb_params is None:
        return
    dense = config.features * (config.user_anchors + config.item_anchors)
    if config.biases:
        dense += model.users.num_embeddings + model.items.num_embeddings
    if config.max_emb_params < dense:
        raise ValueError(
            f"max_emb_params is {config.max_emb_params}, but anchors and biases alone "
            f"are {dense} parameters."
        )


def shrink(
    config: Config,
    model: MatrixFactorization,
    params: MatrixFactorizationParams,
    validate: Callable[[Any], float],
) -> MatrixFactorizationParams:
    """Drops what T does not need, and what a limit on its size leaves no room for."""
    if config.method != "ant":
        return params
    params, _ = prune_to_tolerance(params, validate, config.prune_tolerance)
    if config.max_emb_params is None:
        return params
    dense = model.num_params(params) - sum(model.non_zeros(params))
    return prune_to_size(params, config.max_emb_params - dense)


def refit(
    config: Config,
    model: MatrixFactorization,
    params: MatrixFactorizationParams,
    train: Examples,
    validate: Callable[[Any], float],
    key: PRNGKeyArray,
    mesh: Mesh,
) -> MatrixFactorizationParams:
    """Trains on without the penalty, which shrinks what it keeps; zeros of T stay zero.

    Returns:
      The parameters of the best epoch on the validation split, or those given.

    Raises:
      DivergedError: the loss is not finite.
    """
    if not config.refit_epochs:
        return params
    steps = max(1, len(train.users) // config.batch_size)
    rate = halving_schedule(config.refit_learning_rate, steps)
    tables, _ = split_tables(params)
    trainer = make_trainer(
        config,
        model,
        rate,
        0.0,
        steps * config.refit_epochs,
        mesh,
        support={name: tables[name] != 0 for name in ("users", "items")},
    )
    epoch = make_epoch(config, trainer, mesh)
    best, lowest = params, validate(params)
    # The epoch donates its state.
    state = training.replicate(trainer.create(jax.tree.map(jnp.copy, params)), mesh)
    for index in range(config.refit_epochs):
        # Shuffles that no epoch of the fit has had.
        refit_key = jax.random.fold_in(key, config.epochs + index)
        state, report = epoch(state, train, refit_key)
        if int(report.bad_step) >= 0:
            raise training.DivergedError(
                f"The loss of the refit is not finite at step {int(report.bad_step)}: "
                "lower --refit_learning_rate and start again."
            )
        refitted = trainer.params(state)
        error = validate(refitted)
        if error < lowest:
            best, lowest = jax.tree.map(jnp.copy, refitted), error
    return best
