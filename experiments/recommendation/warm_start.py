"""Starting T from a full table that was trained for a while."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

import ant_jax as ant
from ant_jax import training
from experiments.recommendation.configs import Config
from experiments.recommendation.embeddings import make_embedding
from experiments.recommendation.input_pipeline import Examples, Prepared
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)
from experiments.recommendation.optimizer import make_epoch, make_trainer, schedules


def warm_start(
    config: Config,
    prepared: Prepared,
    train: Examples,
    params: MatrixFactorizationParams,
    key: PRNGKeyArray,
    mesh: Mesh,
) -> MatrixFactorizationParams:
    """Trains full tables E and takes the first T so that T A is E.

    With the axes and their opposites as anchors, T holds the positive parts of E in its
    even columns and the negative ones in its odd columns.

    Args:
      config: says for how many epochs; its A is the signed basis, with an anchor for
        every feature in both directions.
      prepared: the data.
      train: training examples on the devices of the mesh.
      params: fresh parameters, whose tables are replaced.
      key: source of the shuffles.
      mesh: see `training.data_mesh`.
    """
    full = dataclasses.replace(
        config,
        method="full",
        budgets=None,
        warm_start_epochs=0,
        learning_rate=config.warm_start_learning_rate,
    )
    model = MatrixFactorization(
        make_embedding(full, prepared.user_counts, 0),
        make_embedding(full, prepared.item_counts, 0),
        config.biases,
    )
    rate, l1 = schedules(full)
    steps = len(train.users) // config.batch_size * config.warm_start_epochs
    trainer = make_trainer(full, model, prepared, rate, l1, steps, mesh)
    epoch = make_epoch(full, trainer, mesh)
    fresh = model.init(key, float(params.bias))
    state = training.replicate(trainer.create(fresh), mesh)
    for index in range(config.warm_start_epochs):
        shuffle_key = jax.random.fold_in(jax.random.fold_in(key, index), 1)
        state, _ = epoch(state, train, shuffle_key)
    trained = trainer.params(state)
    return trained._replace(
        users=_signed(trained.users, params.users),
        items=_signed(trained.items, params.items),
    )


def _signed(table: ant.FullParams, start: ant.AnchorParams) -> ant.AnchorParams:
    both = jnp.stack([table.embedding, -table.embedding], axis=-1)
    transform = jnp.maximum(both, 0).reshape(start.transform.shape)
    return ant.AnchorParams(start.anchors, transform)
