"""Lazy rows of which some columns stand still, against the held dense optimizer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.nonparametric import hold_inactive
from ant_jax.optim.lazy import LazyRows

from .closed_forms import RULES

VOCAB, COLUMNS, STEPS = 9, 4, 12
# Grow, shrink, grow: the last column is in use from the start, out of it, and back.
COURSE = [2, 4, 1, 3, 4]
NAMES = ["amsgrad", "yogi"]
RATE, L1 = 0.05, 0.05


def draw(seed=0):
    rng = np.random.default_rng(seed)
    values = np.abs(rng.normal(size=(VOCAB, COLUMNS))).astype(np.float32)
    # The last rows are read rarely or never.
    ids = np.minimum(rng.geometric(0.4, (len(COURSE), STEPS, 3)) - 1, VOCAB - 1)
    targets = rng.normal(0.3, size=(*ids.shape, COLUMNS)).astype(np.float32)
    return jnp.asarray(values), jnp.asarray(ids, jnp.int32), jnp.asarray(targets)


def active_of(count):
    return jnp.arange(COLUMNS) < count


def loss(rows, ids, targets, active):
    error = jnp.where(active[None], rows[ids] - targets, 0.0)
    return jnp.sum(jnp.square(error)) / ids.size


@functools.cache
def lazily(name):
    lazy = LazyRows(RULES[name], RATE, L1, num_steps=len(COURSE) * STEPS)

    @jax.jit
    def train(table, ids, targets, active):
        def step(table, batch):
            table, pulled = lazy.pull(table, batch[0], active=active)
            gradient = jax.grad(loss)(pulled.rows, pulled.ids, batch[1], active)
            return lazy.push(table, pulled, gradient, active=active), None

        table = jax.lax.scan(step, table, (ids, targets))[0]
        return lazy.settle(table, active)

    return lazy, train


@functools.cache
def densely(name):
    tx = hold_inactive(ant.optim.proximal(RULES[name], RATE, L1))

    @jax.jit
    def train(params, state, ids, targets, count):
        def step(carry, batch):
            params, state = carry
            gradient = jax.grad(
                lambda p: loss(p["transform"], *batch, active_of(count))
            )(params)
            updates, state = tx.update(gradient, state, params, active=count)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, state), (ids, targets))[0]

    return tx, train


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_dense_optimizer_that_holds(name):
    values, ids, targets = draw()
    (lazy, train), (tx, dense) = lazily(name), densely(name)
    table = jax.jit(lazy.init)(values)
    # T is known by the anchors beside it.
    params = {"anchors": jnp.zeros((COLUMNS, 1)), "transform": values}
    state = tx.init(params)
    for i, count in enumerate(COURSE):
        before = table.layout.unpack(table.words)
        table = train(table, ids[i], targets[i], active_of(count))
        params, state = dense(params, state, ids[i], targets[i], jnp.int32(count))
        got, want = lazy.values(table, active_of(count)), params["transform"]
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(got == 0, want == 0)
        # What is out of use is as it was, bit by bit, and the rest is not.
        after = table.layout.unpack(table.words)
        for old, new in (
            (before.values, after.values),
            *((before.slots[slot], after.slots[slot]) for slot in before.slots),
        ):
            np.testing.assert_array_equal(old[:, count:], new[:, count:])
        moved = np.asarray(before.values != after.values).any(axis=0)
        np.testing.assert_array_equal(moved, active_of(count))
    assert train._cache_size() == dense._cache_size() == 1
    assert 0 < np.count_nonzero(want) < want.size


def test_all_columns_are_the_same_as_no_mask():
    values, ids, targets = draw(1)
    lazy, train = lazily("yogi")
    ours = train(jax.jit(lazy.init)(values), ids[0], targets[0], active_of(COLUMNS))

    @jax.jit
    def plain(table):
        def step(table, batch):
            table, pulled = lazy.pull(table, batch[0])
            whole = active_of(COLUMNS)
            gradient = jax.grad(loss)(pulled.rows, pulled.ids, batch[1], whole)
            return lazy.push(table, pulled, gradient), None

        table = jax.lax.scan(step, table, (ids[0], targets[0]))[0]
        return lazy.values(table)

    theirs = plain(jax.jit(lazy.init)(values))
    np.testing.assert_allclose(lazy.values(ours), theirs, rtol=2e-6)


def test_many_rows_take_the_same_branch():
    # Batches of so many rows are computed on as lines.
    rng = np.random.default_rng(2)
    values = jnp.asarray(np.abs(rng.normal(size=(600, 3))), jnp.float32)
    lazy = LazyRows(RULES["yogi"], RATE, L1, num_steps=9)
    active = jnp.array([True, False, True])

    halves = jnp.arange(600).reshape(2, 300)[jnp.array([0, 1, 0])]

    @jax.jit
    def train(values, active):
        def step(table, ids):
            table, pulled = lazy.pull(table, ids, active=active)
            gradient = jnp.cos(pulled.rows)
            return lazy.push(table, pulled, gradient, active=active), None

        table = jax.lax.scan(step, lazy.init(values), halves)[0]
        return lazy.values(table, active)

    got = train(values, active)
    np.testing.assert_array_equal(got[:, 1], values[:, 1])
    alone = train(values[:, ::2], None)
    np.testing.assert_allclose(got[:, ::2], alone, rtol=2e-6)


def test_a_mask_of_other_columns_is_refused():
    values, ids, _ = draw()
    lazy, _ = lazily("yogi")
    with pytest.raises(ValueError, match=r"active has the shape \(3,\), but .* 4 col"):
        jax.eval_shape(
            lambda values: lazy.pull(
                lazy.init(values), ids[0, 0], active=jnp.ones(3, bool)
            ),
            values,
        )
