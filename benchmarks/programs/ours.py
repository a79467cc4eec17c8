"""This library: exact lazy rows, and the dense optimizer that gives the same result."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array

import ant_jax as ant
from ant_jax import training
from ant_jax.embeddings import half_normal
from ant_jax.optim import LazyRows, halving_schedule, prox, rules
from benchmarks.programs.jax_steps import time_scan
from benchmarks.workload import Workload
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
    join_tables,
    split_tables,
)

# What idle steps do is tabulated for so many.
_MOST_STEPS = 1_000_000
# A scale that does not come from the number of rows, which are drawn block by block.
_INITIALIZER = half_normal(0.1)


def make_model(workload: Workload) -> MatrixFactorization:
    """Matrix factorization with anchors, or with full tables where there are none."""

    def embedding(size: int, anchors: int | None) -> ant.Embedding:
        if anchors is None:
            return ant.FullEmbedding(
                size, workload.features, embedding_init=_INITIALIZER
            )
        return ant.AnchorEmbedding(
            size, workload.features, anchors, transform_init=_INITIALIZER
        )

    user_anchors, item_anchors = workload.anchors or (None, None)
    return MatrixFactorization(
        embedding(workload.num_users, user_anchors),
        embedding(workload.num_items, item_anchors),
    )


def make_lazy_rows(workload: Workload) -> LazyRows:
    """Yogi for tables of the workload, with a penalty on the weights of anchors."""
    rate = _rate(workload)
    if workload.anchors is None:
        return LazyRows(rules.yogi(), rate, num_steps=_MOST_STEPS, prox=prox.identity)
    return LazyRows(rules.yogi(), rate, workload.l1, num_steps=_MOST_STEPS)


def make_lazy_trainer(workload: Workload, mesh: Mesh) -> training.Trainer:
    """Both tables by lazy rows."""
    rows = make_lazy_rows(workload)
    tables = training.Tables(
        rows={"users": rows, "items": rows},
        ids={"users": "users", "items": "items"},
        split=split_tables,
        join=join_tables,
    )
    tx = ant.yogi(_rate(workload))
    return training.lazy_trainer(_loss(workload), tx, mesh, tables)


def make_dense_trainer(workload: Workload, mesh: Mesh) -> training.Trainer:
    """Everything by the dense optimizer."""
    rate = _rate(workload)
    tx = optax.multi_transform(
        {
            "transform": ant.proximal_yogi(rate, workload.l1),
            "other": ant.yogi(rate),
        },
        ant.param_labels,
    )
    return training.dense_trainer(_loss(workload), tx, mesh)


def create_lazy_state(workload: Workload) -> training.TrainState:
    """A state whose tables are made in place, with no second copy of them."""
    rows = make_lazy_rows(workload)
    rest_key, *keys = jax.random.split(jax.random.key(workload.seed), 3)
    small = dataclasses.replace(workload, num_users=1, num_items=1)
    _, rest = split_tables(make_model(small).init(rest_key))
    columns = workload.anchors or (workload.features, workload.features)
    shapes = zip((workload.num_users, workload.num_items), columns, strict=True)
    users, items = (
        rows.create(key, shape, _INITIALIZER)
        for key, shape in zip(keys, shapes, strict=True)
    )
    opt_state = ant.yogi(_rate(workload)).init(rest)
    return training.TrainState(
        jnp.zeros((), jnp.int32), rest, opt_state, {"users": users, "items": items}
    )


def lazy(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns` that trains by lazy rows."""
    rows = make_lazy_rows(workload)
    mesh = _mesh()
    trainer = make_lazy_trainer(workload, mesh)

    options = training.step_options(mesh, workload.batch_size)

    @jax.jit(donate_argnums=0, compiler_options=options)
    def scan(state: training.TrainState, examples: Examples) -> training.TrainState:
        return lax.scan(trainer.step, state, examples)[0]

    def run(state: training.TrainState, examples: Examples) -> training.TrainState:
        state = scan(state, examples)
        # Steps that could not be taken would be too quick.
        for table in state.tables.values():
            rows.check(table)
        return state

    return time_scan(
        workload, run, training.replicate(create_lazy_state(workload), mesh)
    )


def dense(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """A program of `benchmarks.turns` that moves every row at every step.

    It runs the library's compiled epoch, which also shuffles, but whose state has the
    shape that the dense optimizer is fastest in.
    """
    mesh = _mesh()
    trainer = make_dense_trainer(workload, mesh)
    epoch = training.make_epoch(trainer.step, workload.batch_size, mesh)
    key = jax.random.key(workload.seed)

    def run(state: training.TrainState, examples: Examples) -> training.TrainState:
        return epoch(state, jax.tree.map(jnp.ravel, examples), key)[0]

    state = trainer.create(make_model(workload).init(key))
    return time_scan(workload, run, training.replicate(state, mesh))


def _mesh() -> Mesh:
    return training.data_mesh(jax.local_devices()[:1])


def _rate(workload: Workload) -> Any:
    return halving_schedule(workload.learning_rate, workload.decay_steps)


def _loss(workload: Workload) -> Any:
    model = make_model(workload)

    def loss(params: MatrixFactorizationParams, batch: Examples) -> Array:
        return jnp.mean(model.squared_error(params, batch))

    return loss
