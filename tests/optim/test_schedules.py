"""Schedules against optax's and at their corners."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ant_jax.optim import halving_schedule, warmup_schedule


def values(schedule, counts):
    return [float(schedule(jnp.int32(count))) for count in counts]


def test_halving_is_staircase_decay():
    counts = [0, 99, 100, 199, 200, 100_000]
    theirs = optax.exponential_decay(0.01, 100, 0.5, staircase=True)
    with jax.numpy_dtype_promotion("standard"):
        expected = values(theirs, counts)
    np.testing.assert_allclose(values(halving_schedule(0.01, 100), counts), expected)


def test_warmup_rises_from_zero_and_stays():
    got = values(warmup_schedule(2.0, 4), [0, 1, 2, 4, 5, 1_000_000])
    np.testing.assert_allclose(got, [0.0, 0.5, 1.0, 2.0, 2.0, 2.0])


@pytest.mark.parametrize("schedule", [halving_schedule, warmup_schedule])
def test_no_steps_are_refused(schedule):
    with pytest.raises(ValueError, match="at least 1 step"):
        schedule(1.0, 0)
