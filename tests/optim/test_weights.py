"""Weights of the penalty by frequency."""

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from ant_jax.optim import frequency_weights


@hypothesis.settings(max_examples=20)
@hypothesis.given(
    counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    power=st.floats(-2, 2, allow_subnormal=False),
)
def test_weights_are_powers_of_counts_with_a_mean_of_one(counts, power):
    got = frequency_weights(np.array(counts), power)
    assert got.shape == (len(counts), 1)
    assert got.dtype == jnp.float32
    powers = [max(count, 1) ** power for count in counts]
    expected = [[p * len(powers) / sum(powers)] for p in powers]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_large_powers_do_not_overflow():
    got = frequency_weights(np.array([10, 1000, 1000]), 500.0)
    np.testing.assert_allclose(got.ravel(), [0, 1.5, 1.5], atol=1e-30)


@pytest.mark.parametrize(
    ("counts", "power", "message"),
    [
        ([[1, 2]], 1.0, r"shape \(V,\), got \(1, 2\)"),
        ([], 1.0, r"shape \(V,\), got \(0,\)"),
        ([1, -1], 1.0, "counts must be finite numbers >= 0"),
        ([1.0, np.nan], 1.0, "counts must be finite numbers >= 0"),
        ([1, 2], np.inf, "power must be a finite number"),
    ],
)
def test_bad_arguments_are_refused(counts, power, message):
    with pytest.raises(ValueError, match=message):
        frequency_weights(np.array(counts), power)
