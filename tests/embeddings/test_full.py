"""`FullEmbedding` against Flax's `Embed`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import ant_jax as ant

V, D = 11, 4


@pytest.fixture
def emb() -> ant.FullEmbedding:
    return ant.FullEmbedding(num_embeddings=V, features=D)


@pytest.fixture
def params(emb) -> ant.FullParams:
    return emb.init(jax.random.key(0))


@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_lookup_and_attend_equal_those_of_flax(params, dtype):
    emb = ant.FullEmbedding(V, D, dtype=dtype)
    flax = nn.Embed(V, D, dtype=dtype)
    variables = {"params": {"embedding": params.embedding}}
    ids = jnp.array([[0, 10, -1], [11, 3, 3]])
    h = jax.random.normal(jax.random.key(1), (2, 3, D))
    found, expected = emb.lookup(params, ids), flax.apply(variables, ids)
    assert found.dtype == expected.dtype
    assert np.array_equal(np.float32(found), np.float32(expected), equal_nan=True)
    logits = flax.apply(variables, h, method="attend")
    assert np.array_equal(emb.attend(params, h), logits)


def test_init_draws_as_flax_does(emb):
    wide = ant.FullEmbedding(2000, 25).init(jax.random.key(0)).embedding
    assert wide.shape == (2000, 25)
    theirs = nn.Embed(2000, 25).init(jax.random.key(0), jnp.arange(3))
    np.testing.assert_allclose(
        jnp.std(wide), jnp.std(theirs["params"]["embedding"]), rtol=0.05
    )


def test_matrix_and_num_params(emb, params):
    assert np.array_equal(emb.matrix(params), params.embedding)
    assert emb.num_params(params) == V * D


@pytest.mark.parametrize("ids", [1.0, np.array([True])])
def test_lookup_refuses_ids_that_are_not_integers(emb, params, ids):
    with pytest.raises(ValueError, match="must be an integer"):
        emb.lookup(params, ids)


def test_gradient_sums_over_repeated_ids(emb, params):
    gradient = jax.grad(lambda p: emb.lookup(p, jnp.array([1, 1, 5])).sum())(params)
    expected = np.zeros((V, D))
    expected[1], expected[5] = 2, 1
    assert np.array_equal(gradient.embedding, expected)


@pytest.mark.parametrize("size", [0, -1, True])
def test_sizes_must_be_positive_integers(size):
    with pytest.raises(ValueError, match="features must be a positive integer"):
        ant.FullEmbedding(V, size)
