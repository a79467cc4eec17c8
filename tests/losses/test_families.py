"""Each family against SciPy's densities, and its parts against one another."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import strategies as st

from ant_jax import losses

TRIALS = 9


def _shares(rng, size):
    return rng.dirichlet(np.ones(4), size)


# Family, SciPy's log density of (x, mean), data drawn, means drawn.
FAMILIES = {
    "gaussian": (
        losses.Gaussian(variance=2.5),
        lambda x, m: scipy.stats.norm.logpdf(x, m, np.sqrt(2.5)),
        lambda rng, n: rng.normal(size=n) * 3,
        lambda rng, n: rng.normal(size=n) * 3,
    ),
    "poisson": (
        losses.Poisson(),
        scipy.stats.poisson.logpmf,
        lambda rng, n: rng.choice([0, 1, 2, 15, 16, 17, 300, 10**6], n),
        lambda rng, n: np.exp(rng.uniform(-3, 6, n)),
    ),
    "bernoulli": (
        losses.Bernoulli(),
        scipy.stats.bernoulli.logpmf,
        lambda rng, n: rng.integers(0, 2, n),
        lambda rng, n: rng.uniform(0.001, 0.999, n),
    ),
    "multinomial": (
        losses.Multinomial(TRIALS),
        lambda x, m: scipy.stats.multinomial.logpmf(x, TRIALS, m / TRIALS),
        lambda rng, n: rng.multinomial(TRIALS, _shares(rng, n)),
        lambda rng, n: TRIALS * _shares(rng, n),
    ),
    "exponential": (
        losses.Exponential(),
        lambda x, m: scipy.stats.expon.logpdf(x, scale=m),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: np.exp(rng.uniform(-3, 3, n)),
    ),
    "gamma": (
        losses.Gamma(shape=2.5),
        lambda x, m: scipy.stats.gamma.logpdf(x, 2.5, scale=m / 2.5),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: np.exp(rng.uniform(-3, 3, n)),
    ),
    "gamma_of_a_large_shape": (
        losses.Gamma(shape=1e6),
        lambda x, m: scipy.stats.gamma.logpdf(x, 1e6, scale=m / 1e6),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: np.exp(rng.uniform(-3, 3, n)),
    ),
}
families = pytest.mark.parametrize("name", FAMILIES)
seeds = st.integers(0, 2**31 - 1)


@functools.cache
def compiled(name):
    """Divergence, log density and its saturated part in one compiled function."""
    family = FAMILIES[name][0]

    @jax.jit
    def all_three(x, mean):
        saturated = family.saturated_log_prob(x.astype(mean.dtype))
        return family.divergence(x, mean), family.log_prob(x, mean), saturated

    return all_three


@families
@hypothesis.given(seed=seeds)
@hypothesis.settings(max_examples=10)
def test_log_density_plus_divergence_does_not_depend_on_the_mean(name, seed):
    _, log_density, data, means = FAMILIES[name]
    rng = np.random.default_rng(seed)
    x = data(rng, 32)
    with jax.enable_x64(True):
        at = []
        for _ in range(2):
            mean = means(rng, 32)
            divergence, got, saturated = compiled(name)(x, mean)
            density = log_density(x, mean)
            np.testing.assert_allclose(got, density, rtol=1e-7, atol=1e-9)
            at.append(density + np.asarray(divergence))
        np.testing.assert_allclose(at[0], at[1], rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(saturated, at[0], rtol=1e-7, atol=1e-7)


@families
def test_log_density_is_accurate_in_single_precision(name):
    _, log_density, data, means = FAMILIES[name]
    rng = np.random.default_rng(0)
    x, mean = data(rng, 200), means(rng, 200)
    if name.startswith("gamma"):
        # Where the divergence is small, the terms of the usual formula are not.
        mean = x * rng.uniform(0.999, 1.001, 200)
    if name == "poisson":
        mean = np.where(x > 0, x * rng.uniform(0.999, 1.001, 200), mean)
    x, mean = x.astype(np.float32), mean.astype(np.float32)
    _, got, _ = compiled(name)(x, mean)
    assert got.dtype == jnp.float32
    x, mean = x.astype(float), mean.astype(float)
    if name == "multinomial":
        mean *= TRIALS / mean.sum(axis=-1)[:, None]
    np.testing.assert_allclose(got, log_density(x, mean), rtol=2e-5, atol=2e-5)


@families
def test_generator_and_cumulant_are_conjugate(name):
    family, _, data, means = FAMILIES[name]
    vectors = name == "multinomial"

    @jax.jit
    def relations(x, mean):
        natural = family.natural(mean)
        inner = mean * natural
        gradient = jax.grad(lambda m: family.generator(m).sum())(mean)
        return [
            (jax.grad(lambda t: family.cumulant(t).sum())(natural), mean),
            (family.mean(natural), mean),
            # The means of a multinomial lie on a simplex, where constants are nothing.
            (gradient - 1 if vectors else gradient, natural),
            (
                family.generator(mean) + family.cumulant(natural),
                inner.sum(axis=-1) if vectors else inner,
            ),
            (
                family.divergence(x, mean),
                losses.bregman_divergence(family.generator)(x, mean),
            ),
        ]

    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for got, expected in relations(data(rng, 8) + 1e-9, means(rng, 8)):
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


@families
def test_divergence_from_natural_parameters(name):
    family, _, data, means = FAMILIES[name]

    @jax.jit
    def both(x, mean):
        natural = family.natural(mean)

        def total(t):
            divergence = family.natural_divergence(x, t)
            return divergence.sum(), divergence

        slope, divergence = jax.grad(total, has_aux=True)(natural)
        return divergence, slope, family.divergence(x, mean)

    rng = np.random.default_rng(0)
    x, mean = data(rng, 8), means(rng, 8)
    with jax.enable_x64(True):
        divergence, slope, expected = both(x, mean)
    np.testing.assert_allclose(divergence, expected, rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(slope, mean - x, rtol=1e-8)


def test_natural_parameters_far_out_give_finite_losses():
    logits = jnp.array([-300.0, 300.0], jnp.float32)
    labels = jnp.array([1, 0])

    @jax.jit
    def all_of_them(t):
        bernoulli = losses.Bernoulli().natural_divergence
        return (
            bernoulli(labels, t),
            jax.grad(lambda t: bernoulli(labels, t).sum())(t),
            losses.Multinomial().natural_divergence(labels, t),
            losses.Poisson().natural_divergence(labels, -jnp.abs(t)),
        )

    expected = [300, 300], [-1, 1], 600, [299, 0]
    for got, value in zip(all_of_them(logits), expected, strict=True):
        np.testing.assert_allclose(got, value)


@pytest.mark.parametrize("family", [losses.Poisson(), losses.Bernoulli()])
def test_off_the_support_the_density_is_zero(family):
    x, half = np.array([-1.0, 0.5, 1.0, 2.5]), jnp.full(4, 0.5)
    # Not compiled, so that what the divergence would refuse is seen.
    got = family.log_prob(x, half)
    np.testing.assert_array_equal(np.isneginf(got), [True, True, False, True])
    assert not np.isnan(got).any()
    got = losses.Exponential().log_prob(x, half)
    np.testing.assert_array_equal(np.isneginf(got), [True, False, False, False])


def test_off_the_support_of_the_multinomial():
    counts = jnp.array([[1.0, 1.0], [2.0, 1.0], [1.5, 0.5], [3.0, -1.0]])
    got = jax.jit(losses.Multinomial(2).log_prob)(counts, jnp.ones((4, 2)))
    np.testing.assert_allclose(got, [np.log(0.5), *[-np.inf] * 3], rtol=1e-6)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_gamma_density_at_zero_is_its_limit(shape):
    mean = np.float32([0.5, 3.0])
    got = losses.Gamma(shape).log_prob(np.zeros(2), mean)
    expected = {0.5: [np.inf] * 2, 1.0: -np.log(mean), 2.0: [-np.inf] * 2}[shape]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    if shape == 1.0:
        got = losses.Exponential().log_prob(0, mean)
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_families_are_values():
    assert losses.Gamma(2.0) == losses.Gamma(2.0) != losses.Gamma(3.0)
    assert len({losses.Poisson(), losses.Poisson(), losses.Exponential()}) == 2

    @jax.jit(static_argnums=0)
    def loss(family, x, mean):
        return family.divergence(x, mean)

    assert loss(losses.Poisson(), jnp.ones(2), jnp.ones(2)).tolist() == [0, 0]


def test_refuses_parameters_that_are_not_positive():
    for make in (losses.Gaussian, losses.Gamma):
        with pytest.raises(ValueError, match=r"must be a positive number, got 0\.0"):
            make(0.0)
    with pytest.raises(ValueError, match="num_trials must be a positive"):
        losses.Multinomial(-1)
    with pytest.raises(ValueError, match="variance must be a positive number, got nan"):
        losses.Gaussian(float("nan"))
    with pytest.raises(ValueError, match="natural must be of a floating type"):
        losses.Poisson().natural_divergence(1.0, jnp.array(1))
