"""Curvature against derivatives written out, and against errors that really rise."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax import training
from ant_jax.pruning import make_curvature, prune_to_size

USERS, ITEMS, ANCHORS, FEATURES = 6, 5, 3, 4


class Batch(NamedTuple):
    users: jax.Array
    items: jax.Array


class Params(NamedTuple):
    users: ant.AnchorParams
    items: ant.FullParams
    bias: jax.Array


@pytest.fixture(scope="module")
def params():
    users, items = jax.random.split(jax.random.key(0))
    return Params(
        ant.AnchorEmbedding(USERS, FEATURES, ANCHORS).init(users),
        ant.FullEmbedding(ITEMS, FEATURES).init(items),
        jnp.float32(0.3),
    )


def outputs(params, batch):
    vectors = params.users.transform[batch.users] @ params.users.anchors
    products = jnp.sum(vectors * params.items.embedding[batch.items], axis=1)
    return products + params.bias


def written_out(params, users, items):
    """The mean of (dr/dp)^2, one example and one parameter after another."""
    anchors, transform = (np.asarray(x, np.float64) for x in params.users)
    table = np.asarray(params.items.embedding, np.float64)
    of_anchors, of_transform, of_table = (
        np.zeros_like(x) for x in (anchors, transform, table)
    )
    for u, i in zip(users, items, strict=True):
        for k in range(ANCHORS):
            of_transform[u, k] += sum(anchors[k] * table[i]) ** 2
            for j in range(FEATURES):
                of_anchors[k, j] += (transform[u, k] * table[i, j]) ** 2
        for j in range(FEATURES):
            of_table[i, j] += sum(transform[u] * anchors[:, j]) ** 2
    n = len(users)
    return Params(
        ant.AnchorParams(of_anchors / n, of_transform / n),
        ant.FullParams(of_table / n),
        np.float64(1.0),
    )


def curvature(params, users, items, batch_size, key=0, devices=1):
    mesh = training.data_mesh(jax.local_devices()[:devices])
    compute = make_curvature(outputs, batch_size, mesh)
    data = Batch(jnp.asarray(users, jnp.int32), jnp.asarray(items, jnp.int32))
    keys = jax.random.split(jax.random.key(key), 200)
    found = [compute(params, data, key) for key in keys[: 200 if batch_size > 4 else 1]]
    return jax.tree.map(lambda *draws: np.stack(draws).astype(np.float64), *found)


def draw(n):
    rng = np.random.default_rng(1)
    return rng.integers(0, USERS, n), rng.integers(0, ITEMS, n)


def test_example_by_example_it_is_exact(params):
    users, items = draw(17)
    got = curvature(params, users, items, batch_size=1)
    want = written_out(params, users, items)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g[0], w, rtol=1e-5), got, want)
    # Whoever is not among the examples bends nothing.
    assert (got.users.transform[0][np.bincount(users, minlength=USERS) == 0] == 0).all()


@pytest.mark.parametrize("devices", [1, 4])
def test_rows_that_one_example_of_a_batch_reads_are_exact(params, devices):
    # Batches of four, of which the last is filled up.
    users, items = np.arange(10) % 4 + np.arange(10) // 8, np.arange(10) % 5
    got = curvature(params, users, items, batch_size=4, devices=devices)
    want = written_out(params, users, items)
    np.testing.assert_allclose(
        got.users.transform[0], want.users.transform, rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        got.items.embedding[0], want.items.embedding, rtol=1e-5, atol=1e-7
    )
    # What all of them share is not.
    assert not np.allclose(got.users.anchors[0], want.users.anchors, rtol=1e-2)


def test_rows_that_examples_share_are_right_on_average(params):
    users, items = draw(23)
    got = curvature(params, users, items, batch_size=8)
    want = written_out(params, users, items)

    def check(draws, exact):
        error = draws.std(0, ddof=1) / len(draws) ** 0.5
        assert (np.abs(draws.mean(0) - exact) <= 5 * error + 1e-6).all()
        assert (error > 0).any()

    jax.tree.map(check, got, want)


def linear_model():
    """Least squares in T of one row: r = x T, so that every derivative is data."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 5)) * [1.0, 0.1, 3.0, 1.0, 0.3]
    x[:, 3] += 0.5 * x[:, 0]
    y = x @ [0.5, 3.0, 0.05, 0.2, -1.0] + rng.normal(size=200)
    w = np.linalg.lstsq(x, y)[0]
    mesh = training.data_mesh(jax.local_devices()[:1])
    compute = make_curvature(lambda w, x: jnp.sum(x * w[None], 1), 1, mesh)
    h = compute(jnp.float32(w), jnp.float32(x), jax.random.key(0))

    def rise(dropped):
        without = np.where(dropped, 0.0, w)
        return np.mean((x @ without - y) ** 2) - np.mean((x @ w - y) ** 2)

    return w, np.asarray(h), rise


def test_the_error_rises_by_curvature_times_the_square_of_what_is_dropped():
    w, h, rise = linear_model()
    for j in range(5):
        np.testing.assert_allclose(h[j] * w[j] ** 2, rise(np.arange(5) == j), rtol=1e-4)


def test_pruning_by_curvature_drops_what_costs_least():
    w, h, rise = linear_model()
    cheapest = np.argmin([rise(np.arange(5) == j) for j in range(5)])
    assert cheapest != np.argmin(np.abs(w))
    one = jnp.ones((1, 1))
    params = ant.AnchorParams(jnp.ones((5, 1)), jnp.float32(w)[None])
    pruned = prune_to_size(params, 4, ant.AnchorParams(one, jnp.asarray(h)[None]))
    assert np.flatnonzero(pruned.transform[0] == 0).tolist() == [cheapest]
