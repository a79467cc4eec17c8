"""Starting T from a full table that was trained for a while."""

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

import ant_jax as ant
from ant_jax import training
from experiments.recommendation.models import MatrixFactorizationParams
from experiments.runner.optimizer import make_trainer
from experiments.runner.run import Run

if TYPE_CHECKING:
    from experiments.recommendation.task import Recommendation


def warm_start(
    task: "Recommendation", run: Run, params: MatrixFactorizationParams
) -> MatrixFactorizationParams:
    """Trains full tables E and takes the first T so that T A is E.

    With the axes and their opposites as anchors, T holds the positive parts of E in its
    even columns and the negative ones in its odd columns.

    Args:
      task: says for how many epochs; its A is the signed basis, with an anchor for
        every feature in both directions.
      run: the data on the devices, and the keys.
      params: fresh parameters, whose tables are replaced.
    """
    epochs = task.config.warm_start_epochs
    config = dataclasses.replace(
        task.config,
        method="full",
        budgets=(),
        warm_start_epochs=0,
        learning_rate=task.config.warm_start_learning_rate,
    )
    full = type(task)(config, task.prepared)
    steps = task.num_examples // config.batch_size * epochs
    trainer = make_trainer(full, run.mesh, run.noise_key, steps)
    fresh = full.model.init(run.shuffle_key, float(params.bias))
    state = training.replicate(trainer.create(fresh), run.mesh)
    for index in range(epochs):
        key = jax.random.fold_in(jax.random.fold_in(run.shuffle_key, index), 1)
        state, _ = trainer.epoch(state, run.splits.train, key)
    trained = trainer.params(state)
    return trained._replace(
        users=_signed(trained.users, params.users),
        items=_signed(trained.items, params.items),
    )


def _signed(table: ant.FullParams, start: ant.AnchorParams) -> ant.AnchorParams:
    both = jnp.stack([table.embedding, -table.embedding], axis=-1)
    transform = jnp.maximum(both, 0).reshape(start.transform.shape)
    return ant.AnchorParams(start.anchors, transform)
