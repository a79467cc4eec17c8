"""What Stirling's formula leaves, against factorials."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.losses.families import stirling

log_factorial_excess = jax.jit(stirling.log_factorial_excess)


def excess(n):
    # A long integer has an exact logarithm up to the last digit.
    return math.log(math.factorial(n)) - (n * math.log(n) - n if n else 0)


def test_log_factorial_excess():
    counts = np.array([0, 1, 2, 10, 15, 16, 17, 30, 100])
    expected = [excess(int(n)) for n in counts]
    with jax.enable_x64(True):
        got = log_factorial_excess(jnp.asarray(counts, jnp.float64))
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    got = log_factorial_excess(jnp.asarray(counts, jnp.float32))
    np.testing.assert_allclose(got, expected, rtol=2e-7)


def test_log_gamma_excess():
    for k in (1, 2, 15, 16, 17, 40):
        # Gamma(k) is k! / k.
        expected = excess(k) - math.log(k)
        assert stirling.log_gamma_excess(float(k)) == pytest.approx(expected, abs=1e-12)
    assert stirling.log_gamma_excess(0.5) == pytest.approx(
        0.5 * math.log(math.pi) - 0.5 * math.log(0.5) + 0.5
    )
