"""Starting values: their moments and their sign."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.embeddings import half_normal, signed_basis

KEY = jax.random.key(0)


@pytest.mark.parametrize(("stddev", "expected"), [(None, (2 / 500) ** 0.5), (3.0, 3.0)])
def test_half_normal_has_the_moments_of_a_folded_normal(stddev, expected):
    draw = np.asarray(half_normal(stddev)(KEY, (500, 200), jnp.float32))
    assert (draw >= 0).all()
    np.testing.assert_allclose(draw.mean(), expected * (2 / np.pi) ** 0.5, rtol=0.02)
    np.testing.assert_allclose(draw.std(), expected * (1 - 2 / np.pi) ** 0.5, rtol=0.02)


def test_half_normal_keeps_the_dtype_asked_for():
    draw = half_normal()(KEY, (3, 2), jnp.bfloat16)
    assert draw.dtype == jnp.bfloat16
    assert half_normal()(KEY, (3, 2)).dtype == jnp.float32


@pytest.mark.parametrize("shape", [(1, 3), (3, 3), (6, 3), (15, 3), (4, 1)])
def test_signed_basis_goes_along_the_axes_and_back(shape):
    basis = np.asarray(jax.jit(signed_basis, static_argnums=1)(KEY, shape))
    expected = np.zeros(shape)
    for row in range(shape[0]):
        expected[row, row // 2 % shape[1]] = (1, -1)[row % 2]
    np.testing.assert_array_equal(basis, expected)
    assert not np.signbit(basis[basis == 0]).any()
    assert basis.dtype == np.float32


def test_signed_basis_keeps_the_dtype_asked_for():
    assert signed_basis(KEY, (3, 2), jnp.bfloat16).dtype == jnp.bfloat16


def test_any_table_is_a_nonnegative_transform_of_the_signed_basis():
    emb = ant.AnchorEmbedding(5, 3, 6, anchors_init=signed_basis)
    params = emb.init(KEY)
    table = np.asarray(jax.random.normal(jax.random.key(1), (5, 3)))
    transform = np.zeros((5, 6), np.float32)
    for v, j in np.ndindex(5, 3):
        transform[v, 2 * j + int(table[v, j] < 0)] = abs(table[v, j])
    np.testing.assert_array_equal(
        emb.matrix(params._replace(transform=jnp.asarray(transform))), table
    )
