"""Trends against loops and NumPy's least squares."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from ant_jax.nonparametric.trend import trend

VALUES = st.lists(st.integers(1, 20).map(float), min_size=2, max_size=6)


@hypothesis.given(VALUES)
def test_monotone_without_tolerance_is_the_published_rule(values):
    pairs = list(itertools.pairwise(values))
    if all(after <= before for before, after in pairs):
        want = -1  # ties count, and falling is asked first
    elif all(after >= before for before, after in pairs):
        want = 1
    else:
        want = 0
    assert trend(values) == want


@hypothesis.given(VALUES, st.sampled_from([0.05, 0.3]))
def test_small_changes_go_with_either_trend(values, tolerance):
    signs = set()
    for before, after in itertools.pairwise(values):
        if abs(after - before) > tolerance * before:
            signs.add(1 if after > before else -1)
    want = signs.pop() if len(signs) == 1 else 0
    assert trend(values, tolerance=tolerance) == want


@hypothesis.given(VALUES, st.sampled_from([0.0, 0.2]))
def test_the_slope_is_that_of_least_squares(values, tolerance):
    line = np.polynomial.Polynomial.fit(range(len(values)), values, 1)
    change = line(len(values) - 1) - line(0)
    hypothesis.assume(abs(abs(change) - tolerance * np.mean(values)) > 1e-9)
    want = int(np.sign(change)) if abs(change) > tolerance * np.mean(values) else 0
    assert trend(values, kind="slope", tolerance=tolerance) == want


def test_flat_series():
    for kind in ("monotone", "slope"):
        assert trend([2.0, 2.0, 2.0], kind) == -1
        assert trend([2.0, 2.0, 2.0], kind, 0.01) == 0


def test_one_value_has_no_trend():
    with pytest.raises(ValueError, match="at least two values, got 1"):
        trend([1.0])
