"""Lazy rows inside a trainer against the dense trainer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import training
from ant_jax.optim import identity, keep_zeros, rules

USERS, ITEMS, BATCH, RATE, L1, STEPS = 40, 30, 16, 0.05, 2e-3, 60


class Batch(NamedTuple):
    users: jax.Array
    items: jax.Array
    ratings: jax.Array


@pytest.fixture(scope="module")
def params():
    keys = jax.random.split(jax.random.key(0), 3)
    draw = jax.random.normal
    return {
        "users": jnp.abs(draw(keys[0], (USERS, 3))),
        "items": jnp.abs(draw(keys[1], (ITEMS, 3))),
        "user_bias": jnp.zeros((USERS, 1)),
        "scale": draw(keys[2], (3,)),
    }


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    # The last users and items are rarely seen or never.
    users = np.minimum(rng.geometric(0.1, BATCH * STEPS) - 1, USERS - 1)
    items = np.minimum(rng.geometric(0.1, BATCH * STEPS) - 1, ITEMS - 1)
    ratings = rng.normal(size=len(users))
    return Batch(
        jnp.asarray(users, jnp.int32),
        jnp.asarray(items, jnp.int32),
        jnp.asarray(ratings, jnp.float32),
    )


def loss(params, batch):
    rows = params["users"][batch.users] * params["items"][batch.items]
    predicted = jnp.sum(rows * params["scale"][None], axis=1)
    predicted += params["user_bias"][batch.users, 0]
    return jnp.mean(jnp.square(predicted - batch.ratings))


def noisy_loss(params, batch, *, key, step):
    """A loss that drops half of the products, and grows with time."""
    rows = params["users"][batch.users] * params["items"][batch.items]
    rows *= jax.random.bernoulli(key, 0.5, rows.shape).astype(rows.dtype)
    predicted = jnp.sum(rows * params["scale"][None], axis=1)
    predicted += params["user_bias"][batch.users, 0]
    errors = jnp.square(predicted - batch.ratings)
    return jnp.mean(errors) * (1 + step.astype(errors.dtype))


def dense(mesh, keep=(), loss=loss, key=None):
    labels = {"users": "t", "items": "t", "user_bias": "free", "scale": "free"}
    penalized = ant.proximal_yogi(RATE, L1)
    tx = optax.multi_transform(
        {
            "t": penalized,
            "kept": optax.chain(keep_zeros(), penalized),
            "free": ant.yogi(RATE),
        },
        labels | dict.fromkeys(keep, "kept"),
    )
    return training.dense_trainer(loss, tx, mesh, BATCH, key=key)


def lazy(mesh, keep=(), loss=loss, key=None):
    penalized = ant.LazyRows(rules.yogi(), RATE, L1, num_steps=1000)
    free = ant.LazyRows(rules.yogi(), RATE, num_steps=1000, prox=identity)
    tables = training.LazyTables(
        rows={"users": penalized, "items": penalized, "user_bias": free},
        ids={"users": "users", "items": "items", "user_bias": "users"},
    )
    return training.lazy_trainer(
        loss, ant.yogi(RATE), mesh, BATCH, tables, keep_zeros=keep, key=key
    )


def train(make, params, data, devices, **options):
    mesh = training.data_mesh(devices)
    trainer = make(mesh, **options)
    params = jax.tree.map(jnp.copy, params)  # the epoch donates its state
    state = training.replicate(trainer.create(params), mesh)
    placed = training.replicate(data, mesh)
    losses = []
    for e in range(3):
        state, report = trainer.epoch(state, placed, jax.random.key(e))
        losses.append(float(report.loss))
    assert int(state.step) == 3 * STEPS
    assert trainer.epoch._cache_size() == 1
    return jax.device_get(trainer.params(state)), losses


@pytest.mark.parametrize("count", [1, 8])
def test_lazy_and_dense_agree(params, data, count):
    devices = jax.local_devices()[:count]
    ours, our_losses = train(lazy, params, data, devices)
    theirs, their_losses = train(dense, params, data, devices[:1])
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
    for name in params:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5)
    for name in ("users", "items"):
        np.testing.assert_array_equal(ours[name] != 0, theirs[name] != 0)
        assert 0 < np.count_nonzero(ours[name]) < ours[name].size


def test_tables_of_the_same_ids_are_numbered_alike(params, data):
    # Were they not, a rating would be given the bias of another user.
    shared = ant.LazyRows(rules.sgd(), 0.1, num_steps=10, prox=identity)
    first, second = shared.init(params["users"]), shared.init(params["user_bias"])
    ids = data.users[:BATCH]
    first, pulled = shared.pull(first, ids)
    second, other = shared.pull(second, ids, like=pulled)
    np.testing.assert_array_equal(other.ids, pulled.ids)
    np.testing.assert_array_equal(other.row_ids, pulled.row_ids)
    second = shared.push(second, other, jnp.ones_like(other.rows))
    moved = np.flatnonzero(shared.values(second)[:, 0])
    np.testing.assert_array_equal(moved, np.unique(ids))


def test_zeros_stay_where_they_are_to_be_kept(params, data):
    drop = jax.random.bernoulli(jax.random.key(5), 0.5, (ITEMS, 3))
    start = {
        **params,
        "users": params["users"].at[:, 1].set(0.0),
        "items": jnp.where(drop, 0.0, params["items"]),
    }
    device = jax.local_devices()[:1]
    ours, _ = train(lazy, start, data, device, keep=("users",))
    theirs, _ = train(dense, start, data, device, keep=("users",))
    assert not ours["users"][:, 1].any()
    assert ours["users"][:, 0].any()
    # The other table is free to leave zero.
    assert ours["items"][np.asarray(drop)].any()
    for name in params:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(ours[name] != 0, theirs[name] != 0)
    # More of them reach zero on the way.
    assert np.count_nonzero(ours["users"][:, [0, 2]]) < 2 * USERS


@pytest.mark.parametrize("count", [1, 8])
def test_lazy_and_dense_draw_the_same_noise(count, params, data):
    options = {"loss": noisy_loss, "key": jax.random.key(7)}
    devices = jax.local_devices()[:count]
    ours, our_losses = train(lazy, params, data, devices, **options)
    theirs, their_losses = train(dense, params, data, devices, **options)
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-4)
    for name in params:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-4)


def test_every_step_has_noise_and_a_number_of_its_own(params):
    seen = []

    def spy(params, batch, *, key, step):
        jax.debug.callback(lambda *args: seen.append(args), jax.random.bits(key), step)
        return jnp.sum(jnp.square(params["scale"]))

    def keys_of(seed):
        seen.clear()
        mesh = training.data_mesh(jax.local_devices()[:1])
        trainer = dense(mesh, loss=spy, key=jax.random.key(seed))
        step, state = jax.jit(trainer.step), trainer.create(params)
        for _ in range(4):
            state, _ = step(state, ())
        jax.effects_barrier()
        assert [int(number) for _, number in seen] == [0, 1, 2, 3]
        return [int(bits) for bits, _ in seen]

    first = keys_of(0)
    assert len(set(first)) == 4
    assert keys_of(0) == first
    assert not set(keys_of(1)) & set(first)


def test_no_copy_of_a_table_is_made_in_an_epoch(params, data):
    rows = 50_000
    trainer = lazy(training.data_mesh(jax.local_devices()[:1]))
    large = {**params, "users": jnp.ones((rows, 3)), "user_bias": jnp.zeros((rows, 1))}
    state = jax.eval_shape(trainer.create, large)
    compiled = trainer.epoch.lower(state, data, jax.random.key(0)).compile()
    table = state.tables["users"].words
    assert compiled.memory_analysis().temp_size_in_bytes < table.size * 4 / 20
