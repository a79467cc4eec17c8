"""The sampled penalty of negative pairs against its whole sum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ant_jax.relations import negative_penalty, overlap, sample_pairs

V, K = 6, 4
PAIRS = np.array([[0, 1], [0, 2], [3, 4], [1, 5], [2, 5], [2, 3], [4, 5]])
RNG = np.random.default_rng(0)
SIGNED = RNG.normal(size=(V, K)).astype(np.float32)
T = np.abs(SIGNED)


@pytest.mark.parametrize("table", [T, SIGNED], ids=["positive", "signed"])
def test_the_overlap_is_the_sum_over_the_pairs(table):
    wanted = sum(np.abs(table[u]) @ np.abs(table[v]) for u, v in PAIRS)
    got = overlap(jnp.asarray(table), jnp.asarray(PAIRS))
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_gradients_are_those_of_finite_differences():
    with jax.enable_x64(True):
        sum_of = jax.jit(lambda table: overlap(table, jnp.asarray(PAIRS)))
        for table in (T, SIGNED):
            check_grads(sum_of, (jnp.asarray(table, jnp.float64),), order=1)


def test_at_zero_the_gradient_is_that_from_above():
    table = jnp.array([[0.0, 0.0], [2.0, 0.0]])
    gradient = jax.grad(overlap)(table, jnp.array([[0, 1]]))
    assert gradient.tolist() == [[2.0, 0.0], [0.0, 0.0]]


def test_the_estimate_is_right_on_average_with_its_gradient():
    table = jnp.asarray(T)
    keys = jax.random.split(jax.random.key(0), 20_000)

    def estimate(table, key):
        return negative_penalty(table, PAIRS, key, 2)

    values, gradients = jax.jit(
        jax.vmap(jax.value_and_grad(estimate), in_axes=(None, 0))
    )(table, keys)
    deviation = np.std(values) / np.sqrt(len(keys))
    assert abs(np.mean(values) - overlap(table, jnp.asarray(PAIRS))) < 4 * deviation
    assert deviation > 0
    errors = np.mean(gradients, 0) - jax.grad(overlap)(table, jnp.asarray(PAIRS))
    # The largest of V K deviations from the mean.
    assert (np.abs(errors) <= 5 * np.std(gradients, 0) / np.sqrt(len(keys))).all()


def test_every_pair_is_drawn_as_often():
    drawn = np.asarray(sample_pairs(jax.random.key(1), PAIRS, 7000))
    index = {tuple(pair): i for i, pair in enumerate(PAIRS.tolist())}
    counts = np.bincount([index[tuple(pair)] for pair in drawn.tolist()])
    assert len(counts) == len(PAIRS)
    # Chi-squared with six degrees of freedom: above this once in a million.
    assert np.sum((counts - 1000) ** 2 / 1000) < 40


def test_bad_samples_are_refused():
    with pytest.raises(ValueError, match="There are no pairs"):
        sample_pairs(jax.random.key(0), np.zeros((0, 2), np.int64), 3)
    with pytest.raises(ValueError, match="num_samples must be at least 1"):
        sample_pairs(jax.random.key(0), PAIRS, 0)
