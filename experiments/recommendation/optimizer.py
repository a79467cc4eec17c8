"""Learning rate, penalty and optimizer of a run."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

import ant_jax as ant
from ant_jax import training
from ant_jax.optim import (
    LazyRows,
    frequency_weights,
    halving_schedule,
    keep_zeros,
    l1_subgradient,
    minimax_concave,
    nonnegative_hard_threshold,
    nonnegative_soft_threshold,
    prox,
    rules,
    soft_threshold,
    warmup_schedule,
)
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Prepared
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
    prepared: Prepared,
    rate: Any,
    l1: Any,
    num_steps: int,
    mesh: Mesh,
    *,
    zeros_stay: bool = False,
) -> training.Trainer:
    """Yogi, and its proximal twin for what is sparse, dense or by lazy rows.

    Args:
      config: says which, and the metric of the penalty.
      model: what to train.
      prepared: the data, for how often users and items occur in them.
      rate: learning rate, number or schedule.
      l1: penalty, number or schedule.
      num_steps: most steps that will be taken.
      mesh: see `training.data_mesh`.
      zeros_stay: whether entries of sparse tables that are zero stay zero.
    """

    def loss(params: MatrixFactorizationParams, batch: Any) -> Any:
        return jnp.mean(model.squared_error(params, batch))

    hold = not config.removed_anchors_shrink
    if uses_lazy_rows(config):
        tables = _tables(config, rate, l1, num_steps)
        stay = ("users", "items") if zeros_stay else ()
        return training.lazy_trainer(
            loss, ant.yogi(rate), mesh, tables, keep_zeros=stay, hold=hold
        )
    sparse = _sparse_optimizer(config, prepared, rate, l1)
    if zeros_stay:
        sparse = optax.chain(keep_zeros(), sparse)
    tx = optax.multi_transform({"sparse": sparse, "other": ant.yogi(rate)}, _labels)
    return training.dense_trainer(loss, tx, mesh, hold=hold)


def make_epoch(config: Config, trainer: training.Trainer, mesh: Mesh) -> Any:
    """Compiles an epoch of the trainer; see `training.make_epoch`."""
    options = {}
    if uses_lazy_rows(config):
        options = training.step_options(mesh, config.batch_size)
    return training.make_epoch(trainer.step, config.batch_size, mesh, options)


def uses_lazy_rows(config: Config) -> bool:
    """Whether lazy rows are asked for, and there is a closed form for the method."""
    closed_form = config.penalty == "l1" and config.penalty_power == 0
    return (
        config.lazy_rows and closed_form and config.method in ("ant", "nbant", "full")
    )


def _tables(config: Config, rate: Any, l1: Any, num_steps: int) -> training.Tables:
    make = functools.partial(
        LazyRows,
        rules.yogi(),
        rate,
        num_steps=num_steps,
        slot_dtype=config.slot_dtype,
    )
    if config.method == "full":
        rows = make(prox=prox.identity)
    else:
        rows = make(l1, metric=config.metric)
    ids = {"users": "users", "items": "items"}
    return training.Tables(dict.fromkeys(ids, rows), ids, split_tables, join_tables)


def _sparse_optimizer(
    config: Config, prepared: Prepared, rate: Any, l1: Any
) -> optax.GradientTransformation:
    if config.method == "slimming":
        return optax.chain(l1_subgradient(l1), ant.yogi(rate))
    operator = {
        "l1": nonnegative_soft_threshold,
        "minimax_concave": minimax_concave(config.concavity),
        "hard": nonnegative_hard_threshold,
    }[config.penalty]
    if config.method == "sparse_cbow":
        operator = soft_threshold
    weights = None
    if config.penalty_power:
        weights = _weights(config, prepared)
    return ant.proximal_yogi(
        rate, l1, prox=operator, metric=config.metric, penalty_weights=weights
    )


def _weights(config: Config, prepared: Prepared) -> Any:
    def of(counts: np.ndarray) -> Any:
        return frequency_weights(counts, config.penalty_power)

    whole: Any = 1.0
    return MatrixFactorizationParams(
        of(prepared.user_counts), of(prepared.item_counts), whole
    )


def _labels(params: MatrixFactorizationParams) -> Any:
    """Labels what has zeros "sparse" and everything else "other"."""
    labels: Any = jax.tree.map(lambda _: "other", params)

    def table(name: str) -> Any:
        embedding = getattr(params, name)
        if isinstance(embedding, ant.AnchorParams):
            return getattr(labels, name)._replace(transform="sparse")
        if isinstance(embedding, ant.SparseParams):
            return getattr(labels, name)._replace(embedding="sparse")
        return getattr(labels, name)

    return labels._replace(users=table("users"), items=table("items"))
