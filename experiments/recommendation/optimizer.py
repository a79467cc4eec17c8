"""Learning rate, penalty and optimizer of a run."""

import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import optax
from jax.sharding import Mesh

import ant_jax as ant
from ant_jax import training
from ant_jax.optim import LazyRows, halving_schedule, rules, warmup_schedule
from ant_jax.optim.prox import identity
from experiments.recommendation.configs import Config
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
    join_tables,
    split_tables,
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


def make_trainer(
    config: Config,
    model: MatrixFactorization,
    rate: Any,
    l1: Any,
    num_steps: int,
    mesh: Mesh,
    support: Mapping[str, Any] | None = None,
) -> training.Trainer:
    """Yogi, and its proximal twin for the transforms, dense or by lazy rows.

    Args:
      config: says which, and the metric of the penalty.
      model: what to train.
      rate: learning rate, number or schedule.
      l1: penalty, number or schedule.
      num_steps: most steps that will be taken.
      mesh: see `training.data_mesh`.
      support: where tables may move; see `training.lazy_trainer`.
    """

    def loss(params: MatrixFactorizationParams, batch: Any) -> Any:
        return jnp.mean(model.squared_error(params, batch))

    def loss_on_support(params: MatrixFactorizationParams, batch: Any) -> Any:
        tables, rest = split_tables(params)
        for name, stays in (support or {}).items():
            tables[name] = jnp.where(stays, tables[name], 0.0)
        return loss(join_tables(tables, rest), batch)

    if not config.lazy_rows:
        tx = optax.multi_transform(
            {
                "transform": ant.proximal_yogi(rate, l1, metric=config.metric),
                "other": ant.yogi(rate),
            },
            ant.param_labels,
        )
        return training.dense_trainer(loss_on_support if support else loss, tx, mesh)
    return training.lazy_trainer(
        loss, ant.yogi(rate), mesh, _tables(config, model, rate, l1, num_steps), support
    )


def make_epoch(config: Config, trainer: training.Trainer, mesh: Mesh) -> Any:
    """Compiles an epoch of the trainer; see `training.make_epoch`."""
    options = {}
    if config.lazy_rows:
        options = training.step_options(mesh, config.batch_size)
    return training.make_epoch(trainer.step, config.batch_size, mesh, options)


def _tables(
    config: Config, model: MatrixFactorization, rate: Any, l1: Any, num_steps: int
) -> training.Tables:
    make = functools.partial(
        LazyRows,
        rules.yogi(),
        rate,
        num_steps=num_steps,
        slot_dtype=config.slot_dtype,
    )
    if config.method == "ant":
        embedding = make(l1, metric=config.metric)
    else:
        embedding = make(prox=identity)
    rows = {"users": embedding, "items": embedding}
    ids = {"users": "users", "items": "items"}
    if model.biases:
        free = make(prox=identity)
        rows |= {"user_bias": free, "item_bias": free}
        ids |= {"user_bias": "users", "item_bias": "items"}
    return training.Tables(rows, ids, split_tables, join_tables)
