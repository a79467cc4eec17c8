"""bfloat16 state: rounded at random, right on average."""

import jax
import numpy as np
import pytest

from ant_jax.optim.lazy import halves


@jax.jit
def round_trip(x, seed):
    words = halves.join(x, seed)
    assert words.shape == (len(x), -(-x.shape[1] // 2))
    return halves.part(words)[:, : x.shape[1]]


def rounded(x, seed):
    """Values (n, c) as they come back."""
    return np.asarray(round_trip(np.asarray(x, np.float32), np.asarray(seed, np.int32)))


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_rounding_goes_to_a_neighbor_and_is_right_on_average(columns):
    rng = np.random.default_rng(0)
    x = rng.normal(size=columns) * 10 ** rng.uniform(-20, 20, columns)
    x = np.float32(x)
    count = 20_000
    got = rounded(np.tile(x, (count, 1)), np.arange(count)).astype(np.float64)
    below = (x.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64)
    above = ((x.view(np.uint32) & 0xFFFF0000) + 0x10000).astype(np.uint32)
    above = above.view(np.float32).astype(np.float64)
    assert ((got == below) | (got == above)).all()
    share = (x - below) / (above - below)
    # Five standard deviations of a binomial share.
    bound = 5 * np.sqrt(share * (1 - share) / count)
    np.testing.assert_array_less(np.abs((got == above).mean(0) - share), bound + 1e-9)


def test_columns_and_seeds_are_rounded_independently():
    count = 20_000
    ones = np.full((count, 4), 1 + 2**-8, np.float32)  # halfway between neighbors
    up = rounded(ones, np.arange(count)) > 1
    correlation = np.corrcoef(up, rowvar=False)
    later = np.corrcoef(up[:-1, 0], up[1:, 0])[0, 1]
    bound = 5 / np.sqrt(count)
    assert np.abs(correlation - np.eye(4)).max() < bound
    assert abs(later) < bound


def test_special_values_stay():
    short_nan = np.array([0x7F800001], np.uint32).view(np.float32)[0]
    x = [np.inf, -np.inf, 0.0, -0.0, 1.5, np.nan, short_nan]
    got = rounded(np.tile(np.float32(x), (100, 1)), np.arange(100))
    np.testing.assert_array_equal(got, np.tile(np.float32(x), (100, 1)))
    np.testing.assert_array_equal(np.signbit(got[:, 2:4]), [[False, True]] * 100)


def test_an_average_follows_steps_smaller_than_its_spacing():
    # To the nearest, a thousandth of the way would be rounded away at every step.
    rows, steps = 2000, 500
    start = np.linspace(0.9, 1.1, rows, dtype=np.float32)[:, None]
    v = start
    for step in range(steps):
        v = rounded(v + np.float32(0.001) * (3 - v), step + 1000 * np.arange(rows))
    want = 3 - (3 - start) * 0.999**steps
    assert abs((v - want).mean()) < 0.01
    assert np.abs(v - want).max() < 0.5
