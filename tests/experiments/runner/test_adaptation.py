"""K that follows the objective: trainers, epochs and fits that compile once."""

import functools
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import training
from ant_jax.nonparametric import Controller, num_anchors
from ant_jax.optim import rules
from experiments.runner.adaptation import Adaptation
from experiments.runner.fit import Progress
from experiments.runner.fit import fit as fitting
from experiments.runner.metric import MSE
from experiments.runner.workdir import Workdir

USERS, ITEMS, FEATURES, ROOM, BATCH, RATE, L1, STEPS = 30, 20, 3, 5, 16, 0.05, 1e-3, 12
COURSE = [
    {"users": 2, "items": 3},
    {"users": 5, "items": 4},
    {"users": 1, "items": 2},
    {"users": 5, "items": 5},
]


class Batch(NamedTuple):
    users: jax.Array
    items: jax.Array
    ratings: jax.Array


class Params(NamedTuple):
    users: ant.AnchorParams
    items: ant.AnchorParams
    bias: jax.Array


@functools.cache
def data():
    rng = np.random.default_rng(1)
    count = BATCH * STEPS
    users = np.minimum(rng.geometric(0.1, count) - 1, USERS - 1)
    items = np.minimum(rng.geometric(0.1, count) - 1, ITEMS - 1)
    ratings = rng.normal(2.0, size=count)
    return Batch(
        jnp.asarray(users, jnp.int32),
        jnp.asarray(items, jnp.int32),
        jnp.asarray(ratings, jnp.float32),
    )


def start():
    users, items = jax.random.split(jax.random.key(0))
    return Params(
        ant.AnchorEmbedding(USERS, FEATURES, ROOM).init(users),
        ant.AnchorEmbedding(ITEMS, FEATURES, ROOM).init(items),
        jnp.zeros(()),
    )


def errors(params, batch):
    first = params.users.transform[batch.users] @ params.users.anchors
    second = params.items.transform[batch.items] @ params.items.anchors
    return jnp.square(jnp.sum(first * second, axis=1) + params.bias - batch.ratings)


def loss(params, batch):
    return jnp.mean(errors(params, batch))


def dense(mesh, **options):
    tx = optax.multi_transform(
        {"transform": ant.proximal_yogi(RATE, L1), "other": ant.yogi(RATE)},
        ant.param_labels,
    )
    return training.dense_trainer(loss, tx, mesh, BATCH, **options)


def lazy(mesh, **options):
    rows = ant.LazyRows(rules.yogi(), RATE, L1, num_steps=1000)
    tables = training.LazyTables(
        {"users": rows, "items": rows}, {"users": "users", "items": "items"}
    )
    return training.lazy_trainer(loss, ant.yogi(RATE), mesh, BATCH, tables, **options)


@functools.cache
def programs(make, devices=1, **options):
    """Mesh, trainer and evaluation, compiled once for all tests."""
    mesh = training.data_mesh(jax.local_devices()[:devices])
    trainer = make(mesh, **options)
    return mesh, trainer, training.make_evaluate(errors, 64, mesh)


def train(make, devices=1, **options):
    """Parameters after an epoch with each of the counts of `COURSE`."""
    mesh, trainer, _ = programs(make, devices, **options)
    state = training.replicate(trainer.create(start()), mesh)
    placed, found = training.replicate(data(), mesh), []
    for e, counts in enumerate(COURSE):
        state = trainer.resize(state, counts)
        state, _ = trainer.epoch(state, placed, jax.random.key(e))
        found.append(jax.device_get(trainer.params(state)))
    assert trainer.epoch._cache_size() == 1
    return found


close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("devices", "options"),
    [
        pytest.param(8, {}, id="held", marks=pytest.mark.slow),
        pytest.param(1, {"hold": False}, id="published"),
    ],
)
def test_lazy_and_dense_agree_while_anchors_come_and_go(devices, options):
    got, want = train(lazy, devices, **options), train(dense, **options)
    for ours, theirs in zip(got, want, strict=True):
        jax.tree.map(close, ours, theirs)
        for name in ("users", "items"):
            np.testing.assert_array_equal(
                getattr(ours, name).transform != 0, getattr(theirs, name).transform != 0
            )


@pytest.mark.parametrize("make", [dense, lazy])
def test_removed_anchors_come_back_as_they_were(make):
    mesh, trainer, _ = programs(make)
    state = training.replicate(trainer.create(start()), mesh)
    state = trainer.resize(state, {"users": 4, "items": 5})
    state, _ = trainer.epoch(state, data(), jax.random.key(0))
    before = jax.device_get(trainer.params(state)).users
    for k in (2, 1):
        state = trainer.resize(state, {"users": k, "items": 5})
        state, _ = trainer.epoch(state, data(), jax.random.key(k))
        out = jax.device_get(trainer.params(state)).users
        assert not out.transform[:, k:].any()
        assert not out.anchors[k:].any()
    state = trainer.resize(state, {"users": ROOM, "items": 5})
    after = jax.device_get(trainer.params(state)).users
    np.testing.assert_array_equal(after.transform[:, 2:4], before.transform[:, 2:4])
    np.testing.assert_array_equal(after.anchors[2:4], before.anchors[2:4])
    # What was never in use is as it was drawn.
    np.testing.assert_array_equal(after.transform[:, 4], start().users.transform[:, 4])
    assert (after.anchors[:1] != before.anchors[:1]).all()


def test_more_anchors_than_there_is_room_for_are_refused():
    for make in (dense, lazy):
        _, trainer, *_ = programs(make)
        state = trainer.create(start())
        with pytest.raises(ValueError, match="'items' has room for 5 anchors"):
            trainer.resize(state, {"users": 2, "items": 6})


def test_a_table_of_lazy_rows_goes_by_the_name_of_its_path():
    rows = ant.LazyRows(rules.yogi(), RATE, L1, num_steps=9)
    name = "users.transform"
    tables = training.LazyTables({name: rows}, {name: "users"})
    mesh = training.data_mesh(jax.local_devices()[:1])
    trainer = training.lazy_trainer(loss, ant.yogi(RATE), mesh, BATCH, tables)
    state = trainer.create({"users": start().users})
    with pytest.raises(
        ValueError, match=r"table 'users' .* names \['users.transform'\]: name it"
    ):
        trainer.resize(state, {"users": 2})


def objective(loss, nonzeros, anchors):
    return loss + 1e-4 * nonzeros + 0.01 * anchors


def fit(path, make=lazy, epochs=6, patience=10, seen=None, **settings):
    _, trainer, evaluate = programs(make)

    def describe(params):
        if seen is not None:
            seen.append(jax.tree.map(jnp.shape, params))
        return {}

    return fitting(
        trainer,
        start(),
        data(),
        validate=lambda params: float(evaluate(params, data())),
        metric=MSE,
        describe=describe,
        key=jax.random.key(3),
        epochs=epochs,
        patience=patience,
        workdir=Workdir(path),
        adaptation=Adaptation(
            Controller(max_anchors=ROOM, **settings),
            {"users": 1, "items": 2},
            objective,
        ),
    )


def test_a_fit_records_its_course_and_returns_the_best(tmp_path):
    seen = []
    result = fit(tmp_path, seen=seen)
    users = [row["anchors_users"] for row in result.history]
    assert users[:3] == [1, 2, 3]
    assert [shape.users.transform[1] for shape in seen] == users
    for row in result.history:
        assert row["objective"] > row["validation"] + 0.01 * row["anchors_users"]
    best = min(result.history, key=lambda row: row["objective"])
    assert best["epoch"] == result.progress.best_epoch
    assert best["objective"] == result.progress.best_value
    assert num_anchors(result.params) == {
        "users": best["anchors_users"],
        "items": best["anchors_items"],
    }
    nonzeros = sum(
        int(jnp.count_nonzero(table.transform))
        for table in (result.params.users, result.params.items)
    )
    total = best["anchors_users"] + best["anchors_items"]
    want = objective(float(loss(result.params, data())), nonzeros, total)
    np.testing.assert_allclose(best["objective"], want, rtol=1e-5)


def test_a_killed_fit_goes_on_to_the_same_numbers(tmp_path):
    settings = {"tables": "apart", "window": 2}
    whole = fit(tmp_path / "whole", **settings)
    fit(tmp_path / "parts", epochs=3, **settings)
    parts = fit(tmp_path / "parts", **settings)
    timeless = [
        json.dumps([{**row, "seconds": 0} for row in result.history])
        for result in (whole, parts)
    ]
    assert timeless[0] == timeless[1]
    assert len({row["anchors_items"] for row in whole.history}) > 1
    jax.tree.map(np.testing.assert_array_equal, whole.params, parts.params)


def test_a_changed_count_has_its_own_patience():
    progress = Progress(epoch=6, best_epoch=3)
    assert progress.finished(10, 3)
    progress.resized_epoch = 4
    assert not progress.finished(10, 3)
    progress.epoch = 7
    assert progress.finished(10, 3)
    assert progress.finished(7, 30)


def test_changing_the_count_compiles_nothing(caplog):
    mesh, trainer, evaluate = programs(lazy)
    state = training.replicate(trainer.create(start()), mesh)

    def cycle(state, counts):
        state = trainer.resize(state, counts)
        state, _ = trainer.epoch(state, data(), jax.random.key(0))
        evaluate(trainer.params(state), data())
        return state

    for counts in COURSE[:2]:
        state = cycle(state, counts)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        for counts in COURSE[2:]:
            state = cycle(state, counts)
        assert "Compiling" not in caplog.text
        jax.jit(lambda x: x * 3)(1.0)
    assert "Compiling" in caplog.text


def test_no_copy_of_a_table_is_made_while_anchors_are_held():
    rows = 50_000
    _, trainer, _ = programs(lazy)
    many = start()._replace(
        users=ant.AnchorParams(jnp.ones((ROOM, FEATURES)), jnp.ones((rows, ROOM)))
    )
    state = jax.eval_shape(trainer.create, many)
    active = dict.fromkeys(("users", "items"), jax.ShapeDtypeStruct((), jnp.int32))
    state = state._replace(active=active)
    compiled = trainer.epoch.lower(state, data(), jax.random.key(0)).compile()
    table = state.tables["users"].words
    assert compiled.memory_analysis().temp_size_in_bytes < table.size * 4 / 20
