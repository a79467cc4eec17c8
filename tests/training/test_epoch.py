"""Epochs and evaluation against loops written out in NumPy and Python."""

from typing import NamedTuple

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax import training
from ant_jax.training.shuffle import shuffled_indices


class Data(NamedTuple):
    x: jax.Array
    y: jax.Array


def data_set(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    return Data(x, (x @ np.float32([1, -2, 0.5]) + 1).astype(np.float32))


def loss(params, batch):
    return jnp.mean(jnp.square(batch.x @ params["w"] + params["b"] - batch.y))


def start():
    return {"w": jnp.zeros(3), "b": jnp.zeros(())}


def one_device():
    return training.data_mesh(jax.local_devices()[:1])


def dense_epoch(loss, tx, batch_size, mesh):
    return training.dense_trainer(loss, tx, mesh, batch_size).epoch


def fresh(params, tx):
    return training.dense_trainer(loss, tx, one_device(), 1).create(params)


def test_an_epoch_is_the_steps_written_out():
    data, batch_size = data_set(70), 8
    tx = ant.proximal_yogi(0.05, 0.01)
    mesh = one_device()
    epoch = dense_epoch(loss, tx, batch_size, mesh)
    key = jax.random.key(3)
    state, report = epoch(fresh(start(), tx), data, key)

    order = np.asarray(shuffled_indices(key, 70))[:64].reshape(8, 8)
    params, opt_state, losses = start(), tx.init(start()), []
    for ids in order:
        batch = Data(*(d[ids] for d in data))
        value, gradients = jax.value_and_grad(loss)(params, batch)
        updates, opt_state = tx.update(gradients, opt_state, params)
        params = optax.apply_updates(params, updates)
        losses.append(float(value))
    np.testing.assert_allclose(state.params["w"], params["w"], rtol=1e-5)
    np.testing.assert_allclose(report.loss, np.mean(losses), rtol=1e-5)
    assert int(state.step) == 8
    assert int(report.bad_step) == -1


def test_an_epoch_visits_every_example_once():
    # The gradient of each example is its own one-hot vector.
    n = 24

    def one_hot_loss(params, batch):
        return jnp.sum(params["w"][batch])

    tx = optax.sgd(1.0)
    epoch = dense_epoch(one_hot_loss, tx, 4, one_device())
    state = fresh({"w": jnp.zeros(n)}, tx)
    for e in range(3):
        state, _ = epoch(state, jnp.arange(n), jax.random.key(e))
        np.testing.assert_array_equal(state.params["w"], np.full(n, -(e + 1)))


def test_one_and_eight_devices_agree():
    data, tx = data_set(128), ant.proximal_yogi(0.05, 0.01)
    results = []
    for devices in (jax.local_devices()[:1], jax.local_devices()):
        mesh = training.data_mesh(devices)
        epoch = dense_epoch(loss, tx, 16, mesh)
        state = training.replicate(fresh(start(), tx), mesh)
        placed = training.replicate(data, mesh)
        for e in range(4):
            state, report = epoch(state, placed, jax.random.key(e))
        assert state.params["w"].sharding.device_set == set(devices)
        results.append((jax.device_get(state.params), float(report.loss)))
    (one, loss_one), (eight, loss_eight) = results
    np.testing.assert_allclose(one["w"], eight["w"], rtol=1e-5)
    np.testing.assert_allclose(loss_one, loss_eight, rtol=1e-5)


def test_the_batch_is_cut_across_the_devices():
    mesh = training.data_mesh()
    epoch = dense_epoch(loss, optax.sgd(0.1), 16, mesh)
    state = training.replicate(fresh(start(), optax.sgd(0.1)), mesh)
    data = training.replicate(data_set(64), mesh)
    text = epoch.lower(state, data, jax.random.key(0)).compile().as_text()
    assert "all-reduce" in text
    assert "f32[2,3]" in text  # 16 examples on 8 devices


def test_the_state_is_donated_and_nothing_compiles_twice():
    tx = optax.sgd(0.1)
    mesh = one_device()
    epoch = dense_epoch(loss, tx, 8, mesh)
    state = training.replicate(fresh(start(), tx), mesh)
    data = training.replicate(data_set(32), mesh)
    old = state.params["w"]
    for e in range(3):
        state, _ = epoch(state, data, jax.random.key(e))
    assert old.is_deleted()
    assert epoch._cache_size() == 1


def test_the_first_bad_step_is_reported():
    def bad_after_three(params, batch):
        del batch
        return jnp.where(params["n"] >= 3, jnp.nan, params["n"])

    def count_up(params):
        return jax.tree.map(jnp.ones_like, params)

    tx = optax.stateless(lambda updates, params: count_up(params))
    epoch = dense_epoch(bad_after_three, tx, 2, one_device())
    state = fresh({"n": jnp.zeros(())}, tx)
    _, report = epoch(state, jnp.arange(20), jax.random.key(0))
    assert int(report.bad_step) == 4
    assert not np.isfinite(report.loss)


@pytest.mark.parametrize(
    ("batch_size", "devices", "message"),
    [
        (12, 8, "does not divide by 8 devices; use 8 or 16"),
        (3, 8, "does not divide by 8 devices; use 8"),
        (64, 1, "larger than the 32 training examples"),
    ],
)
def test_batches_that_cannot_be_made_are_refused(batch_size, devices, message):
    mesh = training.data_mesh(jax.local_devices()[:devices])
    epoch = dense_epoch(loss, optax.sgd(0.1), batch_size, mesh)
    state = fresh(start(), optax.sgd(0.1))
    with pytest.raises(ValueError, match=message):
        epoch(state, data_set(32), jax.random.key(0))


@hypothesis.settings(max_examples=15)
@hypothesis.given(
    n=st.integers(1, 60), batch_size=st.integers(1, 70), devices=st.sampled_from([1, 8])
)
def test_evaluation_is_the_mean_over_all_examples(n, batch_size, devices):
    mesh = training.data_mesh(jax.local_devices()[:devices])
    data = data_set(n)

    def per_example(params, batch):
        # An example of padding would give infinity.
        return jnp.square(batch.x @ params) / jnp.where(batch.y == 0, 0.0, 1.0)

    evaluate = training.make_evaluate(per_example, batch_size, mesh)
    w = np.float32([1, 2, 3])
    got = evaluate(*training.replicate((jnp.array(w), data), mesh))
    np.testing.assert_allclose(got, np.mean(np.square(data.x @ w)), rtol=1e-5)
