"""Gumbel-softmax samples against a scalar loop, their distribution, and derivatives."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads

from ant_jax.ops.gumbel import gumbel_softmax

LOGITS = jnp.array([[0.3, -1.2, 2.0, 0.0], [5.0, 5.0, 4.0, -3.0]])
# It compiles in a third of the time of the default one.
KEY = jax.random.key(3, impl="rbg")
G = np.random.default_rng(0).normal(size=LOGITS.shape).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.3, 0.9, 4.0])
def test_against_a_loop_with_the_same_noise(temperature):
    noise = np.asarray(jax.random.gumbel(KEY, LOGITS.shape), np.float64)
    expected = np.empty(LOGITS.shape)
    for i in range(2):
        scores = [
            math.exp((float(LOGITS[i, k]) + noise[i, k]) / temperature)
            for k in range(4)
        ]
        expected[i] = [score / sum(scores) for score in scores]
    found = gumbel_softmax(KEY, LOGITS, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    hard = gumbel_softmax(KEY, LOGITS, temperature, straight_through=True)
    np.testing.assert_array_equal(hard, np.eye(4)[expected.argmax(axis=1)])


@pytest.mark.parametrize("temperature", [0.1, 0.9, 10.0])
def test_the_largest_entry_is_distributed_as_the_softmax(temperature):
    size = 20_000
    logits = jnp.array([0.0, 1.0, -0.5, 2.0])
    rows = jnp.broadcast_to(logits, (size, 4))
    # Nor does a constant that is added to all of them matter.
    sample = gumbel_softmax(KEY, rows + 7.0, temperature)
    counts = np.bincount(np.argmax(sample, axis=1), minlength=4)
    weights = np.exp(np.asarray(logits, np.float64))
    found = scipy.stats.chisquare(counts, size * weights / weights.sum())
    assert found.pvalue > 0.01
    # The test can fail: one of 2.0 differs from one of 1.9.
    weights[3] = math.exp(1.9)
    found = scipy.stats.chisquare(counts, size * weights / weights.sum())
    assert found.pvalue < 0.01


def test_the_colder_the_closer_to_one_hot():
    largest = [
        float(jnp.min(jnp.max(gumbel_softmax(KEY, LOGITS, t), axis=1)))
        for t in (100.0, 1.0, 0.01)
    ]
    assert largest == sorted(largest)
    assert largest[0] < 0.3
    assert largest[-1] > 0.999


def test_derivatives_by_finite_differences():
    def value(logits, temperature):
        return jnp.sum(G * gumbel_softmax(KEY, logits, temperature))

    with jax.enable_x64(True):
        wide = jnp.asarray(LOGITS, jnp.float64)
        with jax.numpy_dtype_promotion("standard"):
            check_grads(jax.jit(value), (wide, 0.7), order=1, modes=["rev"])


def test_straight_through_has_the_derivative_of_the_sample():
    def slope(straight_through):
        def value(logits):
            sample = gumbel_softmax(KEY, logits, 0.9, straight_through=straight_through)
            return jnp.sum(G * sample)

        return jax.jit(jax.grad(value))(LOGITS)

    np.testing.assert_allclose(slope(True), slope(False), rtol=1e-5)
    assert np.count_nonzero(slope(True)) == LOGITS.size


def test_narrow_logits_are_sampled_in_float32():
    narrow = LOGITS.astype(jnp.bfloat16)
    found = gumbel_softmax(KEY, narrow, 0.9)
    assert found.dtype == jnp.float32
    wide = gumbel_softmax(KEY, narrow.astype(jnp.float32), 0.9)
    np.testing.assert_array_equal(found, wide)
