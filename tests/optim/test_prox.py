"""Each operator against the argmin it stands for, found by search."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from hypothesis import strategies as st

from ant_jax.optim import prox

COORDINATEWISE = {
    "nonnegative_soft_threshold": (prox.nonnegative_soft_threshold, abs, 0.0),
    "soft_threshold": (prox.soft_threshold, abs, -np.inf),
    "hard_threshold": (prox.hard_threshold, lambda z: float(z != 0), -np.inf),
    "nonnegative_hard_threshold": (
        prox.nonnegative_hard_threshold,
        lambda z: float(z != 0),
        0.0,
    ),
    "project_nonnegative": (prox.project_nonnegative, lambda z: 0.0, 0.0),
}
# Compiled once for each shape, not for each example.
group_soft_threshold = jax.jit(prox.group_soft_threshold)
numbers = st.floats(-5, 5, width=32, allow_subnormal=False)
strengths = st.floats(0, 3, width=32, allow_subnormal=False)
scalings = st.floats(2**-6, 4, width=32)


def argmin(penalty, lower, x, strength, scaling):
    """Minimizes the one-dimensional problem by a fine search around 0 and x."""

    def objective(z):
        return strength * penalty(z) + (z - x) ** 2 / (2 * scaling)

    low, high = max(lower, min(x, 0.0)), max(x, 0.0)
    found = scipy.optimize.minimize_scalar(
        objective, bounds=(low, high + 1e-9), method="bounded", options={"xatol": 1e-9}
    )
    candidates = [0.0, found.x, max(x, lower)]
    return min(candidates, key=objective), objective


@pytest.mark.parametrize("name", COORDINATEWISE)
@hypothesis.given(x=numbers, strength=strengths, scaling=scalings)
def test_coordinatewise_operators_minimize(name, x, strength, scaling):
    operator, penalty, lower = COORDINATEWISE[name]
    got = float(operator(jnp.float32(x), strength, scaling))
    best, objective = argmin(penalty, lower, x, strength, scaling)
    assert got >= lower
    assert objective(got) <= objective(best) + 1e-5 * (1 + abs(objective(best)))


@pytest.mark.parametrize("name", COORDINATEWISE)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_zeros_are_exact_and_positive(name, dtype):
    x = jnp.array([-0.3, -0.0, 0.0, 0.25], dtype)
    y = COORDINATEWISE[name][0](x, 1.0, 1.0)
    assert y.dtype == dtype
    if name != "project_nonnegative":
        np.testing.assert_array_equal(y.astype(jnp.float32), np.zeros(4))
    if name != "hard_threshold":
        assert not np.signbit(y.astype(jnp.float32)).any()


@hypothesis.settings(max_examples=100)
@hypothesis.given(
    x=numbers,
    strength=strengths,
    scaling=scalings,
    gamma=st.floats(2**-6, 8, width=32),
    nonnegative=st.booleans(),
)
# Strictly convex, on the border, concave; at the kinks.
@hypothesis.example(1.0, 1.0, 1.0, 2.0, True)
@hypothesis.example(-2.0, 1.0, 1.0, 2.0, False)
@hypothesis.example(1.5, 1.0, 1.0, 1.0, True)
@hypothesis.example(1.9, 1.0, 4.0, 1.0, True)
@hypothesis.example(-2.1, 1.0, 4.0, 1.0, False)
def test_minimax_concave_minimizes(x, strength, scaling, gamma, nonnegative):
    x = float(np.float32(x))

    def objective(z):
        size = np.minimum(np.abs(z), gamma * strength)
        return strength * size - size**2 / (2 * gamma) + (z - x) ** 2 / (2 * scaling)

    operator = prox.minimax_concave(gamma, nonnegative)
    got = float(operator(jnp.float32(x), strength, scaling))
    grid = np.linspace(0.0 if nonnegative else -5.0, 5.0, 20_001)
    best = min(objective(grid).min(), objective(max(x, 0.0) if nonnegative else x))
    assert got >= 0 or not nonnegative
    assert not (got == 0 and np.signbit(got))
    assert objective(got) <= best + 1e-5 * (1 + abs(best))
    # A long step and a sharp bend leave two ends to choose from.
    if scaling >= gamma:
        assert got in (0.0, x)
    elif abs(x) >= gamma * strength * (1 + 1e-5):
        assert got == (max(x, 0.0) if nonnegative else x)


def test_minimax_concave_is_the_integral_of_its_slope():
    """The formula that the test above minimizes against eq. (2.1) of the paper."""
    strength, gamma = 0.7, 1.3
    for z in (0.0, 0.3, 0.9, 0.92, 4.0):
        integral, _ = scipy.integrate.quad(
            lambda t: max(strength - t / gamma, 0.0), 0, z, points=[gamma * strength]
        )
        size = min(z, gamma * strength)
        assert strength * size - size**2 / (2 * gamma) == pytest.approx(integral)


@hypothesis.settings(max_examples=20)
@hypothesis.given(strength=strengths, nonnegative=st.booleans(), seed=st.integers(0, 9))
def test_minimax_concave_lies_between_soft_and_hard_thresholds(
    strength, nonnegative, seed
):
    x = jax.random.normal(jax.random.key(seed), (5, 4)) * 2
    soft = prox.nonnegative_soft_threshold if nonnegative else prox.soft_threshold
    flat = prox.minimax_concave(1e9, nonnegative)(x, strength, 0.5)
    np.testing.assert_allclose(flat, soft(x, strength, 0.5), rtol=1e-6, atol=1e-6)
    hard = prox.nonnegative_hard_threshold if nonnegative else prox.hard_threshold
    # Both keep what exceeds strength sqrt(scaling gamma) = sqrt(2 price scaling).
    sharp = prox.minimax_concave(0.25, nonnegative)(x, strength, 0.5)
    np.testing.assert_array_equal(sharp, hard(x, strength**2 * 0.125, 0.5))


def test_minimax_concave_takes_a_scaling_and_a_weight_for_each_entry():
    x = jnp.array([[0.3, 1.0, 2.5], [-0.3, 1.2, 0.8]])
    scaling = jnp.array([[0.5, 1.0, 3.0], [3.0, 1.9999999, 2.0]])
    strength = jnp.array([[1.0], [0.5]])
    operator = prox.minimax_concave(2.0, nonnegative=False)
    got = operator(x, strength, scaling)
    for i, j in np.ndindex(2, 3):
        alone = operator(x[i, j], strength[i, 0], scaling[i, j])
        np.testing.assert_allclose(got[i, j], alone, rtol=1e-6)
    assert jnp.isfinite(got).all()


def test_minimax_concave_is_a_value():
    assert prox.minimax_concave(2.0) == prox.minimax_concave(2.0)
    assert hash(prox.minimax_concave(2.0)) == hash(prox.minimax_concave(2.0))
    assert prox.minimax_concave(2.0) != prox.minimax_concave(2.0, nonnegative=False)
    assert prox.is_coordinatewise(prox.minimax_concave(2.0))
    assert prox.is_coordinatewise(prox.nonnegative_hard_threshold)
    assert not prox.is_coordinatewise(prox.group_soft_threshold)
    for gamma in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="gamma must be a finite number > 0"):
            prox.minimax_concave(gamma)


@hypothesis.given(
    x=st.lists(numbers, min_size=1, max_size=6),
    strength=strengths,
    data=st.data(),
)
def test_group_soft_threshold_minimizes_in_a_diagonal_metric(x, strength, data):
    scaling = data.draw(st.lists(scalings, min_size=len(x), max_size=len(x)))
    x, scaling = np.array(x, np.float64), np.array(scaling, np.float64)

    def objective(z):
        return strength * np.linalg.norm(z) + np.sum((z - x) ** 2 / (2 * scaling))

    got = np.asarray(
        group_soft_threshold(np.float32(x), strength, np.float32(scaling)), np.float64
    )
    starts = [x, 0.5 * x, got]
    found = [scipy.optimize.minimize(objective, s, method="Powell") for s in starts]
    best = min([objective(np.zeros_like(x)), *(f.fun for f in found)])
    assert objective(got) <= best + 1e-4 * (1 + abs(best))


@hypothesis.given(strength=strengths, scaling=scalings, seed=st.integers(0, 2**31 - 1))
def test_group_soft_threshold_agrees_with_itself(strength, scaling, seed):
    x = jax.random.normal(jax.random.key(seed), (4, 5)) * 2
    one = group_soft_threshold(x, strength, scaling)
    full = group_soft_threshold(x, strength, np.full((4, 5), scaling, np.float32))
    np.testing.assert_allclose(one, full, rtol=1e-4, atol=1e-5)
    norms = np.linalg.norm(np.asarray(x, np.float64), axis=1, keepdims=True)
    expected = np.asarray(x) * np.maximum(1 - strength * scaling / norms, 0)
    np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


def test_group_soft_threshold_drops_whole_rows_and_takes_any_metric():
    x = jnp.array([[1e-3, 1e-3], [3.0, 4.0], [0.0, 0.0], [5.0, 0.0]])
    scaling = jnp.array([[1e-4, 1e4]]) * jnp.ones((4, 1))
    y = prox.group_soft_threshold(x, 1.0, scaling)
    np.testing.assert_array_equal(y[2], [0.0, 0.0])
    assert np.isfinite(y).all()
    assert y[1, 0] > 2.9
    assert y[1, 1] < 0.01
    free = prox.group_soft_threshold(x, 0.0, scaling)
    np.testing.assert_allclose(free, x, rtol=1e-6)


@pytest.mark.parametrize(
    "operator",
    [
        *(entry[0] for entry in COORDINATEWISE.values()),
        prox.minimax_concave(0.8),
        prox.minimax_concave(0.3, nonnegative=False),
    ],
)
def test_operators_are_firmly_shrinking_under_jit_and_vmap(operator):
    x = jax.random.normal(jax.random.key(0), (3, 7)) * 3
    direct = operator(x, 0.7, 0.5)
    mapped = jax.jit(jax.vmap(lambda row: operator(row, 0.7, 0.5)))(x)
    np.testing.assert_array_equal(direct, mapped)
    assert (np.abs(direct) <= np.abs(x)).all()
