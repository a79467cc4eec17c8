"""The recommendation program's steps: exact lazy rows, and the dense optimizer."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh

from ant_jax import training
from ant_jax.embeddings import half_normal
from ant_jax.optim import LazyRows, rules
from ant_jax.optim.lazy.table import check_status
from ant_jax.training.lazy import lazy_compiler_options
from benchmarks.programs.jax_steps import time_scan
from benchmarks.programs.recommender import as_prepared, to_config
from benchmarks.workload import Workload
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.models import MatrixFactorization
from experiments.recommendation.task import Recommendation
from experiments.runner import optimizer

# Steps for which the effect of idle steps is tabulated.
_MOST_STEPS = 1_000_000
# A scale that does not come from the number of rows, which are drawn block by block.
_STDDEV = 0.1


def make_task(workload: Workload, **changes: Any) -> Recommendation:
    """The program's task, with full tables where there are no anchors."""
    stddevs = {"transform_stddev": _STDDEV, "table_stddev": _STDDEV}
    prepared = as_prepared(workload.num_users, workload.num_items)
    return Recommendation(to_config(workload, **stddevs, **changes), prepared)


def make_model(workload: Workload) -> MatrixFactorization:
    """Matrix factorization with anchors, or with full tables where there are none."""
    return make_task(workload).model


def make_trainer(workload: Workload, mesh: Mesh, *, lazy: bool) -> training.Trainer:
    """Both tables by lazy rows, or everything by the dense optimizer."""
    task, key = make_task(workload, lazy_rows=lazy), jax.random.key(workload.seed)
    return optimizer.make_trainer(task, mesh, key, _MOST_STEPS)


def create_lazy_state(
    workload: Workload, trainer: training.Trainer
) -> training.TrainState:
    """A state whose tables are made in place, with no second copy of them."""
    rest_key, *keys = jax.random.split(jax.random.key(workload.seed), 3)
    small = dataclasses.replace(workload, num_users=1, num_items=1)
    state = jax.jit(lambda: trainer.create(make_model(small).init(rest_key)))()
    drawn = LazyRows(rules.yogi(), workload.learning_rate, num_steps=1)
    tables = {}
    for name, size, key in zip(
        ("users", "items"), (workload.num_users, workload.num_items), keys, strict=True
    ):
        table = state.tables[name]
        shape = size, table.layout.columns
        words = drawn.create(key, shape, half_normal(_STDDEV)).words
        tables[name] = dataclasses.replace(table, words=words)
    return state._replace(tables=tables)


def lazy(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns` that trains by lazy rows."""
    mesh = _mesh()
    trainer = make_trainer(workload, mesh, lazy=True)
    # What the trainer compiles its own epoch with, which would shuffle too.
    options = lazy_compiler_options(mesh, workload.batch_size)

    @jax.jit(donate_argnums=0, compiler_options=options)
    def scan(state: training.TrainState, examples: Examples) -> training.TrainState:
        return lax.scan(trainer.step, state, examples)[0]

    def run(state: training.TrainState, examples: Examples) -> training.TrainState:
        state = scan(state, examples)
        # Steps that could not be taken would be too quick.
        for table in state.tables.values():
            check_status(table)
        return state

    state = training.replicate(create_lazy_state(workload, trainer), mesh)
    return time_scan(workload, run, state)


def dense(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns` that moves every row at every step.

    It runs the trainer's compiled epoch, which also shuffles, but whose state has the
    shape that the dense optimizer is fastest in.
    """
    mesh = _mesh()
    trainer = make_trainer(workload, mesh, lazy=False)
    key = jax.random.key(workload.seed)

    def run(state: training.TrainState, examples: Examples) -> training.TrainState:
        return trainer.epoch(state, jax.tree.map(jnp.ravel, examples), key)[0]

    state = jax.jit(lambda: trainer.create(make_model(workload).init(key)))()
    return time_scan(workload, run, training.replicate(state, mesh))


def _mesh() -> Mesh:
    return training.data_mesh(jax.local_devices()[:1])
