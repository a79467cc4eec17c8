"""Rows times a small matrix against NumPy, in either order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.ops.project import inner_products, project_rows


@pytest.mark.parametrize(
    ("vocab", "batch", "inner", "columns"),
    [
        (300, 300, 10, 7),
        (200, 512, 15, 15),
        (256, 256, 1, 1),
        (40, 8, 3, 2),  # a small batch
        (900, 300, 5, 4),  # a long table
        (300, 300, 40, 3),  # a long sum
    ],
)
def test_products_and_gradients(vocab, batch, inner, columns):
    rng = np.random.default_rng(vocab)
    table = rng.normal(size=(vocab, inner)).astype(np.float32)
    small = rng.normal(size=(inner, columns)).astype(np.float32)
    ids = rng.integers(0, vocab, batch).astype(np.int32)
    g = rng.normal(size=(batch, columns)).astype(np.float32)

    @jax.jit
    def run(table, small, g):
        result, pull_back = jax.vjp(
            lambda t, s: project_rows(t, jnp.asarray(ids), s), table, small
        )
        return result, *pull_back(g)

    result, by_table, by_small = run(table, small, g)
    table, small, g = (x.astype(np.float64) for x in (table, small, g))
    np.testing.assert_allclose(result, table[ids] @ small, rtol=1e-4, atol=1e-5)
    expected = np.zeros_like(table)
    np.add.at(expected, ids, g @ small.T)
    np.testing.assert_allclose(by_table, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_small, table[ids].T @ g, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("count", [3, 300])
def test_inner_products(count):
    rng = np.random.default_rng(count)
    x, y = rng.normal(size=(2, count, 7)).astype(np.float32)
    result = inner_products(jnp.asarray(x), jnp.asarray(y))
    expected = [float(np.dot(a, b)) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
