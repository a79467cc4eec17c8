"""The order of an epoch: a permutation always, and random enough."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import strategies as st

from ant_jax.training import shuffle

shuffled_indices = jax.jit(shuffle.shuffled_indices, static_argnums=1)


@hypothesis.settings(max_examples=12)
@hypothesis.given(size=st.integers(1, 3000), seed=st.integers(0, 2**31 - 1))
def test_every_index_comes_once(size, seed):
    order = shuffled_indices(jax.random.key(seed), size)
    assert order.dtype == jnp.int32
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_large_sizes_and_jit():
    size = 1_000_003
    order = shuffled_indices(jax.random.key(1), size)
    assert np.bincount(order, minlength=size).max() == 1
    # As far from the identity as a random order: correlation of about 1 / sqrt(size).
    assert abs(np.corrcoef(order, np.arange(size))[0, 1]) < 0.005


def orders(size, count):
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: shuffled_indices(key, size)))(keys))


@pytest.mark.parametrize("size", [10, 37])
def test_every_place_gets_every_index_equally_often(size):
    count = 2000
    found = orders(size, count)
    for place in (0, size // 2, size - 1):
        counts = np.bincount(found[:, place], minlength=size)
        assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_neighbours_are_independent():
    # The step from one place to the next, modulo the size, is uniform but for zero.
    size, count = 50, 2000
    found = orders(size, count)
    steps = (found[:, 1:] - found[:, :-1]) % size
    counts = np.bincount(steps.ravel(), minlength=size)[1:]
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_batches_mix_the_data_like_a_sorted_shuffle():
    # How many of the first 512 of 4,096 examples fall into one batch of 512.
    found = orders(4096, 500)
    hits = (found[:, :512] < 512).sum(axis=1)
    expected = scipy.stats.hypergeom(4096, 512, 512)
    assert abs(hits.mean() - expected.mean()) < 4 * expected.std() / np.sqrt(500)
    assert 0.8 < hits.std() / expected.std() < 1.25


def test_keys_give_different_orders():
    found = orders(200, 50)
    assert len(np.unique(found, axis=0)) == 50


@pytest.mark.parametrize("size", [0, -1, 2**31])
def test_sizes_that_cannot_be_are_refused(size):
    with pytest.raises(ValueError, match="size must be in"):
        shuffled_indices(jax.random.key(0), size)
