"""Relations in training: lazy rows give what the dense optimizer gives."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import sparse

from ant_jax.optim import LazyRows, proximal, rules
from ant_jax.relations import (
    RelationGraph,
    negative_penalty,
    overlap,
    sample_pairs,
    unpenalized,
)

V, K, STEPS, SAMPLES = 40, 35, 12, 3
RATE, L1, WEIGHT = 0.05, 0.02, 0.3
RNG = np.random.default_rng(0)
GRAPH = RelationGraph(V, RNG.integers(0, V, (60, 2)), RNG.integers(0, V, (20, 2)))
FREE = unpenalized(GRAPH, np.arange(K))
START = np.abs(RNG.normal(size=(V, K))).astype(np.float32)
BATCHES = jnp.asarray(RNG.integers(0, V, (STEPS, 4)), jnp.int32)
KEYS = jax.random.split(jax.random.key(0), STEPS)


def loss(rows, ids):
    return jnp.sum(jnp.square(rows[ids] - 0.2)) / ids.size


def train_dense():
    tx = proximal(rules.yogi(), RATE, L1, unpenalized=FREE.toarray())

    def step(carry, batch):
        table, state = carry
        ids, key = batch

        def objective(table):
            penalty = negative_penalty(table, GRAPH.negative, key, SAMPLES)
            return loss(table, ids) + WEIGHT * penalty

        updates, state = tx.update(jax.grad(objective)(table), state, table)
        return (optax.apply_updates(table, updates), state), None

    start = jnp.asarray(START)
    (table, _), _ = jax.lax.scan(step, (start, tx.init(start)), (BATCHES, KEYS))
    return table


def train_lazy(free):
    lazy = LazyRows(rules.yogi(), RATE, L1, num_steps=STEPS)

    def step(table, batch):
        ids, key = batch
        drawn = sample_pairs(key, GRAPH.negative, SAMPLES)
        both = jnp.concatenate([ids, drawn.ravel()])
        table, pulled = lazy.pull(table, both)
        own, pairs = pulled.ids[: ids.size], pulled.ids[ids.size :].reshape(-1, 2)
        scale = len(GRAPH.negative) / SAMPLES

        def objective(rows):
            return loss(rows, own) + WEIGHT * scale * overlap(rows, pairs)

        return lazy.push(table, pulled, jax.grad(objective)(pulled.rows)), None

    table = lazy.init(jnp.asarray(START), free)
    return lazy.values(jax.lax.scan(step, table, (BATCHES, KEYS))[0])


def test_lazy_rows_with_relations_equal_the_dense_optimizer():
    wanted = np.asarray(jax.jit(train_dense)())
    got = np.asarray(jax.jit(lambda: train_lazy(FREE))())
    np.testing.assert_allclose(got, wanted, atol=2e-6)
    np.testing.assert_array_equal(got == 0, wanted == 0)
    # It is a matter of the penalty and of the negative pairs alike.
    assert 0 < np.mean(wanted == 0) < 1
    assert np.mean(wanted[FREE.toarray()] == 0) < np.mean(wanted == 0)
    without = np.asarray(jax.jit(lambda: train_lazy(None))())
    assert np.abs(without - wanted).max() > 1e-2


@pytest.mark.parametrize(
    "make", [sparse.csr_array, sparse.coo_array, sparse.csc_matrix]
)
def test_a_sparse_mask_is_stored_as_the_dense_one(make):
    lazy = LazyRows(rules.yogi(), RATE, L1, num_steps=STEPS)
    values = jnp.asarray(START)
    dense = lazy.init(values, FREE.toarray())
    held = lazy.init(values, make(FREE))
    np.testing.assert_array_equal(held.words, dense.words)
    assert held.layout == dense.layout


def test_entries_that_are_stored_as_false_are_not_free():
    stored = sparse.csr_array(FREE, copy=True)
    stored.data[::2] = False
    lazy = LazyRows(rules.yogi(), RATE, L1, num_steps=STEPS)
    values = jnp.asarray(START)
    np.testing.assert_array_equal(
        lazy.init(values, stored).words, lazy.init(values, stored.toarray()).words
    )


def test_a_table_that_is_drawn_in_blocks_takes_a_mask(monkeypatch):
    monkeypatch.setattr("ant_jax.optim.lazy.blocks._BLOCK", 16)
    lazy = LazyRows(rules.yogi(), RATE, L1, num_steps=STEPS)
    table = lazy.create(
        jax.random.key(0), (V, K), jax.nn.initializers.ones, unpenalized=FREE
    )
    ones = lazy.init(jnp.ones((V, K)), FREE)
    # The first word is scratch.
    np.testing.assert_array_equal(table.words[:, 1:], ones.words[:, 1:])


def test_sparse_masks_that_do_not_fit_are_refused():
    lazy = LazyRows(rules.yogi(), RATE, L1, num_steps=STEPS)
    values = jnp.asarray(START)
    with pytest.raises(
        ValueError, match=r"unpenalized of shape \(40, 1\) does not fit"
    ):
        lazy.init(values, sparse.csr_array((V, 1), dtype=bool))
    with pytest.raises(ValueError, match="unpenalized must be boolean, got float64"):
        lazy.init(values, sparse.csr_array((V, K)))
