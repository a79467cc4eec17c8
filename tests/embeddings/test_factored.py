"""Folding a linear map onto the basis changes neither outputs nor gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    Factored,
)

V, D = 11, 6
EMBEDDINGS = {
    "ant": (ant.AnchorEmbedding(V, D, 3), 3),
    "anchor_mixture": (AnchorMixtureEmbedding(V, D, (3, 2)), 5),
    "cluster": (ClusterEmbedding(V, D, 4), 4),
    "cluster_adjustment": (ClusterAdjustmentEmbedding(V, D, 4, 2), 6),
}
NOISY = ("cluster", "cluster_adjustment")
IDS = np.array([[3, 3, 10], [-1, 0, 7]])
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)


def random_params(emb):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    return jax.tree.map(
        lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [(name, None) for name in EMBEDDINGS]
    + [(name, jax.random.key(4, impl="rbg")) for name in NOISY],
)
def test_a_linear_map_may_meet_the_basis_first(name, key):
    emb, size = EMBEDDINGS[name]
    assert isinstance(emb, Factored)
    params = random_params(emb)
    rng = np.random.default_rng(1)
    kernel = jnp.float32(rng.normal(size=(D, 5)))
    g = jnp.float32(rng.normal(size=(*IDS.shape, 5)))
    noise = {} if key is None else {"key": key}

    def folded(params, kernel):
        weights = emb.coefficients(params, IDS, **noise)
        assert weights.shape == (*IDS.shape, size)
        basis = emb.basis(params)
        assert basis.shape == (size, D)
        return weights @ (basis @ kernel)

    def plain(params, kernel):
        return emb.lookup(params, IDS, **noise) @ kernel

    @jax.jit
    def run(params, kernel):
        results = []
        for function in (folded, plain):
            out, pull = jax.vjp(function, params, kernel)
            results.append((function(params, kernel), out, pull(g)))
        return results

    jax.tree.map(close, *run(params, kernel))


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_coefficients_read_ids_as_lookup_does(name):
    emb, _ = EMBEDDINGS[name]
    params = random_params(emb)
    ids = np.array([V - 1, -1, V, -V - 1])

    @jax.jit
    def run(params):
        return emb.coefficients(params, ids), emb.basis(params), emb.lookup(params, ids)

    found, basis, rows = map(np.asarray, run(params))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.isnan(found[2:]).all()
    close(found[:2] @ basis, rows[:2])


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_both_halves_have_the_dtype_of_lookup(name):
    emb, _ = EMBEDDINGS[name]
    narrow = type(emb)(**{**vars(emb), "dtype": jnp.bfloat16})
    params = jax.eval_shape(narrow.init, jax.random.key(0))
    assert jax.eval_shape(narrow.coefficients, params, IDS).dtype == jnp.bfloat16
    assert jax.eval_shape(narrow.basis, params).dtype == jnp.bfloat16


def test_a_table_that_is_no_product_is_not_factored():
    assert not isinstance(ant.FullEmbedding(V, D), Factored)
    assert not isinstance(ant.embeddings.HashingEmbedding(V, D, 3), Factored)
