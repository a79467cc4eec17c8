"""Each operator against the argmin it stands for, found by search."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import strategies as st

from ant_jax.optim import prox

COORDINATEWISE = {
    "nonnegative_soft_threshold": (prox.nonnegative_soft_threshold, abs, 0.0),
    "soft_threshold": (prox.soft_threshold, abs, -np.inf),
    "hard_threshold": (prox.hard_threshold, lambda z: float(z != 0), -np.inf),
    "project_nonnegative": (prox.project_nonnegative, lambda z: 0.0, 0.0),
}
numbers = st.floats(-5, 5, width=32)
strengths = st.floats(0, 3, width=32)
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
        prox.group_soft_threshold(jnp.float32(x), strength, jnp.float32(scaling)),
        np.float64,
    )
    starts = [x, 0.5 * x, got]
    found = [scipy.optimize.minimize(objective, s, method="Powell") for s in starts]
    best = min([objective(np.zeros_like(x)), *(f.fun for f in found)])
    assert objective(got) <= best + 1e-4 * (1 + abs(best))


@hypothesis.given(strength=strengths, scaling=scalings, seed=st.integers(0, 2**31 - 1))
def test_group_soft_threshold_agrees_with_itself(strength, scaling, seed):
    x = jax.random.normal(jax.random.key(seed), (4, 5)) * 2
    one = prox.group_soft_threshold(x, strength, scaling)
    full = prox.group_soft_threshold(x, strength, jnp.full((4, 5), scaling))
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


@pytest.mark.parametrize("operator", [*(entry[0] for entry in COORDINATEWISE.values())])
def test_operators_are_firmly_shrinking_under_jit_and_vmap(operator):
    x = jax.random.normal(jax.random.key(0), (3, 7)) * 3
    direct = operator(x, 0.7, 0.5)
    mapped = jax.jit(jax.vmap(lambda row: operator(row, 0.7, 0.5)))(x)
    np.testing.assert_array_equal(direct, mapped)
    assert (np.abs(direct) <= np.abs(x)).all()
