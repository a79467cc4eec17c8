"""The divergence against integrals, and the numbers around it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from ant_jax.embeddings.log_uniform import (
    clip_log_alpha,
    kl_divergence,
    log_alpha_of,
    perturb,
)


def exact_divergence(log_alpha):
    """`E log|x| - log deviation` of x from N(1, alpha), less its value at infinity."""
    deviation = np.exp(log_alpha / 2)

    def integrand(x):
        density = np.exp(-(((x - 1) / deviation) ** 2) / 2)
        return np.log(abs(x)) * density / (deviation * (2 * np.pi) ** 0.5)

    edges = [1 - 12 * deviation, 0, 1 + 12 * deviation]
    edges = sorted({*edges, 1.0, 1 - deviation, 1 + deviation})
    mean = sum(
        integrate.quad(integrand, low, high, limit=400)[0]
        for low, high in itertools.pairwise(edges)
    )
    return mean - log_alpha / 2 + (np.euler_gamma + np.log(2)) / 2


@pytest.mark.parametrize("log_alpha", np.arange(-9.5, 10, 2.0))
def test_the_divergence_is_near_the_integral(log_alpha):
    found = float(kl_divergence(jnp.float32(log_alpha)))
    # The published fit is that good, and no better.
    assert found == pytest.approx(exact_divergence(log_alpha), abs=0.01)


def test_the_divergence_falls_to_zero_and_has_slopes_everywhere():
    log_alpha = jnp.linspace(-30, 30, 200)
    values = np.asarray(kl_divergence(log_alpha))
    assert (np.diff(values) <= 0).all()
    assert values[-1] == pytest.approx(0, abs=1e-6)
    slopes = jax.jit(jax.vmap(jax.grad(kl_divergence)))(log_alpha)
    assert np.isfinite(slopes).all()


def test_log_alpha_of_means_that_vanish():
    mean = jnp.array([0.0, 1e-30, -1e-3, 2.0, 1e30])
    log_variance = jnp.array([0.0, -3.0, -20.0, 1.0, 0.0])
    expected = [10, 10, -20 + 2 * np.log(1e3), 1 - 2 * np.log(2), -10]

    def total(mean, log_variance):
        log_alpha = log_alpha_of(mean, log_variance)
        return jnp.sum(kl_divergence(log_alpha)), log_alpha

    run = jax.jit(jax.grad(total, (0, 1), has_aux=True))
    gradients, log_alpha = run(mean, log_variance)
    np.testing.assert_allclose(log_alpha, expected, rtol=1e-5)
    assert all(jnp.isfinite(g).all() for g in gradients)
    assert gradients[0][:2].tolist() == [0, 0]
    assert gradients[0][3] != 0


def test_narrow_types_are_widened():
    assert clip_log_alpha(jnp.array([99.0], jnp.bfloat16)).dtype == jnp.float32
    x = jnp.ones(3, jnp.float16)
    assert log_alpha_of(x, x).dtype == jnp.float32
    assert perturb(jax.random.key(0), x, x).dtype == jnp.float16


def test_noise_has_the_moments_asked_for():
    mean, deviation = jnp.array([3.0, -1.0]), jnp.array([0.5, 2.0])
    means = jnp.tile(mean, (20_000, 1))
    draws = perturb(jax.random.key(0), means, deviation[None])
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.06)
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.03)
