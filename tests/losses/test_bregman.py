"""Each divergence against its definition, exact arithmetic and the usual metrics."""

import fractions
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import strategies as st

from ant_jax import losses

# Divergence, generator of numbers, and its domain in float64.
ELEMENTWISE = {
    "gaussian": (losses.gaussian_divergence, lambda x: x**2 / 2, (-50, 50)),
    "poisson": (losses.poisson_divergence, lambda x: x * jnp.log(x) - x, (1e-3, 50)),
    "bernoulli": (
        losses.bernoulli_divergence,
        lambda x: x * jnp.log(x) + (1 - x) * jnp.log(1 - x),
        (1e-3, 0.999),
    ),
    "exponential": (losses.exponential_divergence, lambda x: -jnp.log(x), (1e-2, 50)),
    "gamma": (
        lambda x, mean: losses.gamma_divergence(x, mean, shape=2.5),
        lambda x: -2.5 * jnp.log(x),
        (1e-2, 50),
    ),
}
names = pytest.mark.parametrize("name", ELEMENTWISE)
seeds = st.integers(0, 2**31 - 1)


def draw(name, seed, size=64):
    low, high = ELEMENTWISE[name][2]
    return np.random.default_rng(seed).uniform(low, high, (2, size))


@names
def test_is_the_divergence_of_its_generator(name):
    divergence, generator, _ = ELEMENTWISE[name]

    @jax.jit
    def all_three(x, mean):
        slope = jax.vmap(jax.grad(generator))(mean)
        return (
            divergence(x, mean),
            losses.bregman_divergence(generator)(x, mean),
            generator(x) - generator(mean) - slope * (x - mean),
        )

    @hypothesis.given(seed=seeds)
    @hypothesis.settings(max_examples=10)
    def check(seed):
        with jax.enable_x64(True):
            got, generic, expected = all_three(*draw(name, seed))
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(generic, expected, rtol=1e-9, atol=1e-12)

    check()


def test_multinomial_is_the_divergence_of_its_generator():
    x, mean = np.random.default_rng(0).uniform(0.01, 9, (2, 20, 5))
    # By hand: phi(x) = sum x log x has the gradient log x + 1.
    phi = (x * np.log(x)).sum(-1), (mean * np.log(mean)).sum(-1)
    expected = phi[0] - phi[1] - ((np.log(mean) + 1) * (x - mean)).sum(-1)
    got = losses.multinomial_divergence(x, mean.astype(np.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert (losses.multinomial_divergence(mean, mean) == 0).all()


def test_multinomial_of_distributions_is_kullback_leibler():
    x, mean = np.random.default_rng(0).dirichlet(np.ones(7), (2, 4)).astype(np.float32)
    got = losses.multinomial_divergence(x, mean)
    assert got.shape == (4,)
    expected = scipy.special.rel_entr(x.astype(float), mean).sum(axis=-1)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    labels = np.eye(7, dtype=np.float32)[[3, 0, 6, 6]]
    got = losses.multinomial_divergence(labels, mean)
    np.testing.assert_allclose(got, -np.log(mean[range(4), [3, 0, 6, 6]]), rtol=1e-5)


def test_generic_divergence_of_a_quadratic_form_is_mahalanobis():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3)).astype(np.float32)
    form = jnp.asarray(root @ root.T)
    divergence = losses.bregman_divergence(
        lambda x: jnp.einsum("...i,ij,...j->...", x, form, x)
    )
    x, mean = rng.normal(size=(2, 5, 3)).astype(np.float32)
    expected = [(a - b) @ np.asarray(form) @ (a - b) for a, b in zip(x, mean)]  # noqa: B905
    got = divergence(jnp.asarray(x), jnp.asarray(mean))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("gaussian", sklearn.metrics.mean_squared_error),
        ("poisson", sklearn.metrics.mean_poisson_deviance),
        ("exponential", sklearn.metrics.mean_gamma_deviance),
        ("bernoulli", sklearn.metrics.log_loss),
    ],
)
def test_is_half_the_mean_deviance(name, metric):
    x, mean = draw(name, 0)
    factor = 2
    if name == "bernoulli":
        x, factor = (x > 0.5).astype(float), 1
    got = losses.__dict__[f"{name}_divergence"](x, mean.astype(np.float32)).mean()
    np.testing.assert_allclose(factor * got, metric(x, mean), rtol=1e-5)


def exact(name, x, mean):
    """The divergence of two float32 by rational arithmetic and a long series."""
    x, mean = fractions.Fraction(float(x)), fractions.Fraction(float(mean))

    def log1p_less(t):
        # log(1 + t) - t for |t| << 1.
        return sum((-1) ** (n + 1) * t**n / n for n in range(2, 14))

    if name == "gaussian":
        return float((x - mean) ** 2 / 2)
    if name in ("exponential", "gamma"):
        value = -log1p_less((x - mean) / mean)
        return float(value * (fractions.Fraction(5, 2) if name == "gamma" else 1))

    def entropy(x, mean):
        # x log(x/m) - x + m with log(x/m) = -log(1 + (m-x)/x).
        return -x * log1p_less((mean - x) / x)

    value = entropy(x, mean)
    return float(value + entropy(1 - x, 1 - mean) if name == "bernoulli" else value)


@names
@pytest.mark.parametrize("gap", [3e-7, 1e-5, 1e-3, 0.05])
def test_is_accurate_where_x_and_mean_nearly_agree(name, gap):
    if name == "bernoulli":
        mean = np.float32([0.9, 0.5, 0.25, 1e-3])
    else:
        mean = np.float32([17.0, 1.0, 0.3, 1e-3])
    x = (mean * (1 - np.float32(gap))).astype(np.float32)
    assert (x != mean).all()
    got = np.asarray(ELEMENTWISE[name][0](x, mean))
    expected = [exact(name, *pair) for pair in zip(x, mean, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=3e-6)
    assert (got > 0).all()


@names
@hypothesis.given(data=st.data())
def test_is_never_negative_and_zero_for_equal_arguments_only(name, data):
    low, high = {"gaussian": (-9, 9), "bernoulli": (0, 1)}.get(name, (0, 2**20))
    # Squares of smaller differences vanish in float32.
    numbers = st.floats(low, high, width=32).map(
        lambda value: np.float32(max(value, 2**-40) if name != "gaussian" else value)
    )
    x, mean = data.draw(numbers), data.draw(numbers)
    divergence = ELEMENTWISE[name][0]
    assert divergence(mean, mean) == 0
    distance = abs(float(x) - float(mean))
    if distance <= 1e-12 * max(abs(x), abs(mean)) or distance < 1e-15:
        return
    assert divergence(x, mean) > 0


@names
def test_derivatives_are_those_of_finite_differences(name):
    divergence = ELEMENTWISE[name][0]
    x, mean = draw(name, 1, size=16)
    # On both sides of where the series takes over.
    mean[:2] = x[:2] * [0.95, 0.7]

    @jax.jit
    def derivatives(x, mean):
        slopes = jax.vmap(jax.grad(divergence, (0, 1)))(x, mean)
        curvature = jax.vmap(jax.grad(jax.grad(divergence, 1), 1))(x, mean)
        return divergence(x, mean), *slopes, curvature

    with jax.enable_x64(True):
        _, x_slope, slope, curvature = derivatives(x, mean)
        step = 1e-6 * np.abs(x)
        up, down = derivatives(x + step, mean), derivatives(x - step, mean)
        expected = np.asarray(up[0] - down[0]) / (2 * step)
        np.testing.assert_allclose(x_slope, expected, rtol=1e-5, atol=1e-7)
        step = 1e-6 * np.abs(mean)
        up, down = derivatives(x, mean + step), derivatives(x, mean - step)
        expected = np.asarray(up[0] - down[0]) / (2 * step)
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)
        expected = np.asarray(up[2] - down[2]) / (2 * step)
        np.testing.assert_allclose(curvature, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("divergence", "x", "mean", "value", "slope"),
    [
        (losses.poisson_divergence, 0.0, 3.0, 3.0, 1.0),
        (losses.poisson_divergence, 0.0, 0.0, 0.0, 1.0),
        (losses.poisson_divergence, 2.0, 0.0, math.inf, -math.inf),
        (losses.poisson_divergence, 0.0, 1e-30, 1e-30, 1.0),
        (losses.bernoulli_divergence, 0.0, 0.25, -math.log(0.75), 1 / 0.75),
        (losses.bernoulli_divergence, 1.0, 0.25, -math.log(0.25), -4.0),
        (losses.bernoulli_divergence, 0.0, 0.0, 0.0, 1.0),
        (losses.bernoulli_divergence, 1.0, 1.0, 0.0, -1.0),
        (losses.bernoulli_divergence, 1.0, 0.0, math.inf, -math.inf),
        (losses.bernoulli_divergence, 0.0, 1.0, math.inf, math.inf),
        (losses.bernoulli_divergence, 0.0, 1e-20, 1e-20, 1.0),
        (losses.exponential_divergence, 0.0, 4.0, math.inf, 0.25),
        (losses.exponential_divergence, 2.0, 0.0, math.inf, -math.inf),
        (losses.gamma_divergence, 0.0, 4.0, math.inf, 0.25),
    ],
)
def test_boundaries(divergence, x, mean, value, slope):
    x, mean = jnp.float32(x), jnp.float32(mean)
    np.testing.assert_allclose(divergence(x, mean), value, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(divergence, 1)(x, mean), slope, rtol=1e-6)


@pytest.mark.parametrize(
    "divergence", [losses.poisson_divergence, losses.bernoulli_divergence]
)
def test_second_derivatives_at_the_boundary(divergence):
    mean = jnp.array([0.25, 0.5])
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(divergence, 1), 1)))
    curvature = curvature(jnp.zeros(2), mean)
    expected = [0, 0] if divergence is losses.poisson_divergence else (1 - mean) ** -2
    np.testing.assert_allclose(curvature, expected, rtol=1e-5)


def test_slopes_in_the_data_stay_finite_at_the_boundary():
    for name in ("poisson", "bernoulli", "exponential"):
        divergence = ELEMENTWISE[name][0]
        slope = jax.grad(divergence)(jnp.float32(0), jnp.float32(0.5))
        assert np.isfinite(slope)
        assert slope < -80


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) - {"gaussian"}))
def test_outside_the_domain_is_nan(name):
    divergence = ELEMENTWISE[name][0]
    for x, mean in [(-1.0, 0.5), (0.5, -1.0), (-1.0, -1.0), (0.0, -1.0)]:
        assert np.isnan(divergence(jnp.float32(x), jnp.float32(mean)))
    if name == "bernoulli":
        assert np.isnan(divergence(jnp.float32(1.5), jnp.float32(0.5)))
        assert np.isnan(divergence(jnp.float32(0.5), jnp.float32(1.5)))


@names
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_keeps_the_dtype_of_the_mean_and_takes_any_numbers(name, dtype):
    divergence = ELEMENTWISE[name][0]
    mean = jnp.full((2, 3), 0.5, dtype)
    for x in (
        jnp.ones((2, 3), jnp.int32),
        np.ones((2, 3), bool),
        np.ones((2, 3), np.float64),
        jnp.ones((2, 3), dtype),
        1,
    ):
        got = jax.eval_shape(lambda mean, x=x: divergence(x, mean), mean)
        assert (got.dtype, got.shape) == (dtype, (2, 3))
    expected = np.asarray(divergence(jnp.float32(1), jnp.float32(0.5)))
    got = divergence(jnp.ones((2, 3), jnp.int32), mean).astype(jnp.float32)
    np.testing.assert_allclose(got, np.full((2, 3), expected), rtol=1e-2)


def test_keeps_double_precision():
    with jax.enable_x64(True):
        got = losses.poisson_divergence(1.0, jnp.full(3, 0.5, jnp.float64))
        assert got.dtype == jnp.float64


@pytest.mark.parametrize(
    "divergence",
    [*(entry[0] for entry in ELEMENTWISE.values()), losses.multinomial_divergence],
)
def test_refuses_what_would_go_wrong_in_silence(divergence):
    with pytest.raises(ValueError, match=r"one shape.*\(3, 1\) and \(3,\)"):
        divergence(jnp.ones((3, 1)), jnp.ones(3) / 2)
    with pytest.raises(ValueError, match="mean must be of a floating type, got int32"):
        divergence(jnp.ones(3), jnp.ones(3, jnp.int32))
    with pytest.raises(ValueError, match="x must be real"):
        divergence(jnp.ones(3, jnp.complex64), jnp.ones(3))


def test_refuses_numbers_outside_the_domain_where_it_sees_them():
    with pytest.raises(ValueError, match=r"x must not be negative, got -1\.0"):
        losses.poisson_divergence(np.array([1.0, -1.0]), jnp.ones(2))
    with pytest.raises(ValueError, match="mean must not be negative"):
        losses.exponential_divergence(1.0, -2.0)
    with pytest.raises(ValueError, match=r"x must lie in \[0\.0, 1\.0\], got 2"):
        losses.bernoulli_divergence(2, jnp.array(0.5))
    with pytest.raises(ValueError, match="at least one, got shapes"):
        losses.multinomial_divergence(1.0, 0.5)


@names
def test_the_minimizer_is_the_mean_of_the_data(name):
    # Banerjee et al., proposition 1: whatever the divergence.
    x = np.random.default_rng(0).uniform(0.1, 0.9, 20).astype(np.float32)
    slope = jax.jit(jax.grad(lambda mean: ELEMENTWISE[name][0](x, mean).mean()))
    assert slope(x.mean()) == pytest.approx(0, abs=1e-5)
    assert slope(x.mean() + 0.05) > 1e-2
    assert slope(x.mean() - 0.05) < -1e-2
