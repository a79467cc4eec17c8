"""Starting T from a full table that was trained for a while."""

import dataclasses

import jax
import jax.numpy as jnp

import ant_jax as ant
from ant_jax import training
from experiments.recommendation.configs import Config
from experiments.recommendation.models import MatrixFactorizationParams
from experiments.runner.context import Context
from experiments.runner.optimizer import make_trainer
from experiments.runner.task import Task


def full_table(config: Config) -> Config:
    """The settings of the full tables that a warm start trains."""
    return dataclasses.replace(
        config,
        method="full",
        budgets=(),
        warm_start_epochs=0,
        learning_rate=config.warm_start_learning_rate,
    )


def warm_start(
    full: Task, context: Context, params: MatrixFactorizationParams, epochs: int
) -> MatrixFactorizationParams:
    """Trains full tables E and takes the first T so that T A is E.

    With the axes and their opposites as anchors, T holds the positive parts of E in its
    even columns and the negative ones in its odd columns.

    Args:
      full: the same task with full tables; see `full_table`.
      context: the data on the devices, and the keys.
      params: fresh parameters, whose A is the signed basis, with an anchor for every
        feature in both directions; their T is replaced.
      epochs: how long to train.
    """
    steps = full.num_examples // full.config.batch_size * epochs
    trainer = make_trainer(full, context.mesh, context.noise_key, steps)
    fresh = full.model.init(context.shuffle_key, float(params.bias))
    state = training.replicate(trainer.create(fresh), context.mesh)
    for index in range(epochs):
        key = jax.random.fold_in(jax.random.fold_in(context.shuffle_key, index), 1)
        state, _ = trainer.epoch(state, context.splits.train, key)
    trained = trainer.params(state)
    return trained._replace(
        users=_signed(trained.users, params.users),
        items=_signed(trained.items, params.items),
    )


def _signed(table: ant.FullParams, start: ant.AnchorParams) -> ant.AnchorParams:
    both = jnp.stack([table.embedding, -table.embedding], axis=-1)
    transform = jnp.maximum(both, 0).reshape(start.transform.shape)
    return ant.AnchorParams(start.anchors, transform)
