"""How the parameters of every program are trained."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import optax
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

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
from ant_jax.optim.schedules import ScalarOrSchedule
from ant_jax.params import Part, find_parts, map_tables
from experiments.runner.config import TrainingConfig
from experiments.runner.task import Task

# What noise is drawn by. Its gradients are small, which Yogi, by its epsilon, would
# take small steps for; the papers train it by Adam.
_NOISE = ("logits", "log_alpha", "log_variance", "scale_log_variance")
# Methods whose rows have a closed form for the steps in which no batch reads them.
_CLOSED_FORM = ("ant", "nbant", "full")


def schedules(config: TrainingConfig) -> tuple[ScalarOrSchedule, ScalarOrSchedule]:
    """Learning rate and penalty of a config, numbers or schedules."""
    rate: ScalarOrSchedule = config.learning_rate
    if config.halving_steps:
        rate = halving_schedule(config.learning_rate, config.halving_steps)
    l1: ScalarOrSchedule = config.l1
    if config.l1_warmup_steps:
        l1 = warmup_schedule(config.l1, config.l1_warmup_steps)
    return rate, l1


def make_trainer(
    task: Task,
    mesh: Mesh,
    key: PRNGKeyArray,
    num_steps: int | None = None,
) -> training.Trainer:
    """Yogi, and its proximal twin for what is sparse, dense or by lazy rows.

    Args:
      task: what to train.
      mesh: see `training.data_mesh`.
      key: source of the noise of every step.
      num_steps: most steps that will be taken; if not given, those of the config.
    """
    config = task.config
    rate, l1 = schedules(config)
    if num_steps is None:
        num_steps = task.num_examples // config.batch_size * config.epochs
    return _trainer(task, task.model, mesh, key, rate, l1, num_steps, refit=False)


def make_refit_trainer(
    task: Task, model: Any, mesh: Mesh, key: PRNGKeyArray
) -> training.Trainer:
    """The same for a model that was pruned: zeros stay zero.

    Args:
      task: what was trained.
      model: what pruning made of its model.
      mesh: see `training.data_mesh`.
      key: source of the noise of every step.
    """
    config = task.config
    steps = max(1, task.num_examples // config.batch_size)
    rate = halving_schedule(config.refit_learning_rate, steps)
    num_steps = steps * max(1, config.refit_epochs)
    return _trainer(
        task, model, mesh, key, rate, config.refit_l1, num_steps, refit=True
    )


def uses_lazy_rows(task: Task) -> bool:
    """Whether lazy rows are asked for, and have a closed form here."""
    config = task.config
    closed_form = config.penalty == "l1" and config.penalty_power == 0
    known = config.method in _CLOSED_FORM
    return bool(config.lazy_rows and closed_form and known and task.lazy())


def _trainer(
    task: Task,
    model: Any,
    mesh: Mesh,
    key: PRNGKeyArray,
    rate: ScalarOrSchedule,
    l1: ScalarOrSchedule,
    num_steps: int,
    *,
    refit: bool,
) -> training.Trainer:
    config = task.config
    loss = task.loss(model, refit=refit)
    options: dict[str, Any] = {
        "key": key,
        "carry": task.carry(config.batch_size),
        "clip_norm": config.clip_norm,
        "shuffle": task.shuffle,
        "hold": not config.removed_anchors_shrink,
    }
    unpenalized = {} if refit else task.unpenalized()
    if uses_lazy_rows(task):
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
        return training.lazy_trainer(
            loss,
            ant.yogi(rate),
            mesh,
            config.batch_size,
            training.LazyTables(
                dict.fromkeys(task.tables, rows), task.tables, unpenalized
            ),
            keep_zeros=tuple(task.tables) if refit else (),
            **options,
        )
    tx = _dense(task, rate, l1, unpenalized, zeros_stay=refit)
    return training.dense_trainer(loss, tx, mesh, config.batch_size, **options)


def _dense(
    task: Task,
    rate: ScalarOrSchedule,
    l1: ScalarOrSchedule,
    unpenalized: Any,
    *,
    zeros_stay: bool,
) -> optax.GradientTransformation:
    config = task.config
    operator = {
        "l1": nonnegative_soft_threshold,
        "minimax_concave": minimax_concave(config.concavity),
        "hard": nonnegative_hard_threshold,
    }[config.penalty]
    weights = _weights(task)
    sparse = {
        "transform": ant.proximal_yogi(
            rate,
            l1,
            prox=operator,
            metric=config.metric,
            unpenalized=_masks(task, unpenalized),
            penalty_weights=weights,
        ),
        "table": ant.proximal_yogi(
            rate,
            l1,
            prox=soft_threshold,
            metric=config.metric,
            penalty_weights=weights,
        ),
    }
    if config.method == "slimming":
        sparse["table"] = optax.chain(l1_subgradient(l1), ant.yogi(rate))
    if zeros_stay:
        sparse = {name: optax.chain(keep_zeros(), tx) for name, tx in sparse.items()}
    rows = ant.proximal_yogi(
        rate, config.group_lasso, prox=prox.group_soft_threshold, metric=config.metric
    )
    noise = ant.proximal_adam(rate, 0.0, prox=prox.identity)
    groups = {**sparse, "rows": rows, "noise": noise, "other": ant.yogi(rate)}
    return optax.multi_transform(groups, functools.partial(_labels, config))


def _labels(config: TrainingConfig, params: Any) -> Any:
    """Labels every parameter by how it is trained; see `_dense`."""
    parts = find_parts(params)

    def label(path: tuple[Any, ...], _: Any) -> str:
        part = parts.get(path)
        if part is not None and part.sparse:
            return "table" if part.kind == "sparse" else "transform"
        if part is not None and part.kind == "full" and config.method == "group_lasso":
            return "rows"
        return "noise" if getattr(path[-1], "name", None) in _NOISE else "other"

    return jax.tree_util.tree_map_with_path(label, params)


def _masks(task: Task, unpenalized: Mapping[str, Any]) -> Any:
    """Entries of T without penalty, in the form of the parameters."""
    if not unpenalized:
        return None
    dense = {name: mask.toarray() for name, mask in unpenalized.items()}

    def mask(part: Part, leaf: Any) -> Any:
        return dense.get(part.table, leaf) if part.role == "entries" else leaf

    return map_tables(mask, _everywhere(task, False))


def _weights(task: Task) -> Any:
    """What the penalty of each object is weighed by, in the form of the parameters."""
    power = task.config.penalty_power
    if not power:
        return None

    def weigh(part: Part, leaf: Any) -> Any:
        if part.role != "entries":
            return leaf
        # "table", or "table.parts.0" of a mixture
        table = part.table.partition(".")[0]
        return frequency_weights(task.objects(table).counts, power)

    return map_tables(weigh, _everywhere(task, 1.0))


def _everywhere(task: Task, value: Any) -> Any:
    shapes = jax.eval_shape(task.init, jax.random.key(0))
    return jax.tree.map(lambda _: value, shapes)
