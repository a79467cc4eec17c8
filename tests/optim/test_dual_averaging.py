"""Dual averaging against a loop, the argmin that defines it, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
import sklearn.linear_model

from ant_jax.optim import (
    adaptive_dual_averaging,
    dual_averaging,
    minimax_concave,
    nonnegative_soft_threshold,
    warmup_schedule,
)

FACTORIES = {"plain": dual_averaging, "adaptive": adaptive_dual_averaging}
both = pytest.mark.parametrize("name", FACTORIES)


def iterates(tx, p, gradients):
    """Every iterate of a run whose gradients are given, (steps, n)."""

    @jax.jit
    def train(p):
        def step(carry, g):
            p, state = carry
            updates, state = tx.update(g, state, p)
            p = optax.apply_updates(p, updates)
            return (p, state), p

        return jax.lax.scan(step, (p, tx.init(p)), jnp.float32(gradients))[1]

    return np.asarray(train(jnp.float32(p)))


def random_problem(steps=60, size=6):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(steps, size)) + np.linspace(-0.5, 0.5, size)
    gradients *= rng.random((steps, size)) < 0.7
    gradients[:, 2] = 0
    return gradients, rng.normal(size=size)


def step_lengths(name, gradients, rate, delta=1e-3):
    """Step lengths (steps, n), one scalar at a time."""
    lengths = np.zeros_like(gradients)
    for i in range(gradients.shape[1]):
        squares = 0.0
        for t in range(1, len(gradients) + 1):
            squares += gradients[t - 1, i] ** 2
            plain = rate * t**0.5
            adaptive = rate * t / (delta + squares**0.5)
            lengths[t - 1, i] = plain if name == "plain" else adaptive
    return lengths


@both
@pytest.mark.parametrize("signed", [True, False])
def test_iterates_are_those_of_a_loop(name, signed):
    gradients, start = random_problem()
    rate, l1 = 0.3, 0.2
    prox = None if signed else nonnegative_soft_threshold
    got = iterates(FACTORIES[name](rate, l1, prox=prox), start, gradients)
    lengths = step_lengths(name, gradients, rate)
    for i in range(gradients.shape[1]):
        total = 0.0
        for t in range(1, len(gradients) + 1):
            total += gradients[t - 1, i]
            length = lengths[t - 1, i]
            half = start[i] - length * total / t
            shrunk = max(abs(half) - length * l1, 0.0)
            expected = np.sign(half) * shrunk if signed or half > 0 else 0.0
            assert got[t - 1, i] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    # Zeros are exact and may come back.
    assert (got == 0).any()
    assert not signed or ((got[:-1] == 0) & (got[1:] != 0)).any()


@both
def test_iterates_minimize_the_penalized_average(name):
    gradients, start = random_problem(steps=25)
    rate, l1 = 0.3, 0.2
    got = iterates(FACTORIES[name](rate, l1), start, gradients)
    lengths = step_lengths(name, gradients, rate)
    for t in (1, 7, 25):
        averages = gradients[:t].mean(axis=0)
        for i, average in enumerate(averages):

            def objective(w, i=i, t=t, average=average):
                distance = (w - start[i]) ** 2 / (2 * lengths[t - 1, i])
                return average * w + l1 * abs(w) + distance

            bounds = sorted([1.1 * got[t - 1, i] - 1, 1.1 * got[t - 1, i] + 1])
            found = scipy.optimize.minimize_scalar(
                objective, bounds=bounds, method="bounded", options={"xatol": 1e-9}
            )
            assert objective(float(got[t - 1, i])) <= found.fun + 1e-5


def test_under_a_constant_gradient_steps_grow_with_the_root_of_time():
    g = np.array([0.05, -0.3, 0.3, 0.0])
    start = np.array([0.2, 0.2, 0.2, 0.2])
    got = iterates(dual_averaging(0.1, 0.1), start, np.tile(g, (400, 1)))
    for t in (1, 100, 400):
        length = 0.1 * t**0.5
        half = start - length * g
        expected = np.sign(half) * np.maximum(np.abs(half) - 0.1 * length, 0)
        np.testing.assert_allclose(got[t - 1], expected, rtol=1e-5, atol=1e-6)
    # |g| <= l1: gone, although the start was not zero.
    assert (got[-1] == 0).tolist() == [True, False, False, True]


def test_the_first_adaptive_step_is_a_unit_of_the_rate_less_the_penalty():
    g = jnp.array([4.0, -0.01, 0.0])
    tx = adaptive_dual_averaging(0.5, delta=1e-12)
    start = jnp.array([1.0, 1.0, 1.0])
    updates, _ = tx.update(g, tx.init(start), start)
    np.testing.assert_allclose(updates, [-0.5, 0.5, 0.0], rtol=1e-6)


@both
def test_the_support_of_a_lasso_is_found_from_noisy_gradients(name):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 8))
    truth = np.array([2.0, -1.5, 0, 0, 1.0, 0, 0, -0.5])
    target = features @ truth + 0.1 * rng.normal(size=40)
    l1 = 0.2
    lasso = sklearn.linear_model.Lasso(alpha=l1, fit_intercept=False, tol=1e-10)
    solution = lasso.fit(features, target).coef_
    features, target = jnp.float32(features), jnp.float32(target)
    tx = FACTORIES[name](0.3, l1)

    @jax.jit
    def train(p):
        def step(carry, key):
            p, state = carry
            rows = jax.random.randint(key, (10,), 0, 40)
            x = features[rows]
            updates, state = tx.update(x.T @ (x @ p - target[rows]) / 10, state, p)
            p = optax.apply_updates(p, updates)
            return (p, state), p

        keys = jax.random.split(jax.random.key(0), 8000)
        return jax.lax.scan(step, (p, tx.init(p)), keys)[1]

    got = np.asarray(train(jnp.full(8, 0.5)))
    np.testing.assert_allclose(got[-1000:].mean(0), solution, atol=0.05)
    # Zero at every one of the last steps, though each batch pulls elsewhere.
    np.testing.assert_array_equal((got[-1000:] == 0).all(0), solution == 0)


@both
def test_the_start_keeps_a_factorization_alive(name):
    target = jnp.outer(jnp.array([1.0, 2.0, 0.0]), jnp.array([1.0, 0.0, 3.0, 1.0]))

    def loss(factors):
        return jnp.sum(jnp.square(factors[0] @ factors[1] - target)) / 2

    def run(start):
        tx = FACTORIES[name](0.05, 0.01)

        @jax.jit
        def train(p):
            def step(_, carry):
                p, state = carry
                updates, state = tx.update(jax.grad(loss)(p), state, p)
                return optax.apply_updates(p, updates), state

            return jax.lax.fori_loop(0, 1000, step, (p, tx.init(p)))[0]

        return train(start)

    keys = jax.random.split(jax.random.key(0))
    shapes = (3, 2), (2, 4)
    start = tuple(
        jnp.abs(jax.random.normal(key, shape)) * 0.5
        for key, shape in zip(keys, shapes, strict=True)
    )
    found = run(start)
    assert loss(found) < 0.05 * loss(start)
    dead = run(jax.tree.map(jnp.zeros_like, start))
    assert not any(factor.any() for factor in dead)


@both
def test_narrow_parameters_have_wide_sums(name):
    p = {"a": jnp.ones((3, 2), jnp.bfloat16)}
    tx = FACTORIES[name](0.5, warmup_schedule(0.1, 10))
    state = tx.init(p)
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(state[1:]))
    updates, state = tx.update(p, state, p)
    assert updates["a"].dtype == jnp.bfloat16
    assert (state.total["a"] == 1).all()


@both
def test_the_start_is_a_copy(name):
    p = jnp.ones((3, 2))
    state = FACTORIES[name](0.5).init(p)
    p.delete()
    assert (state.start == 1).all()


@both
def test_any_operator_can_be_used(name):
    tx = FACTORIES[name](0.5, 0.1, prox=minimax_concave(50.0))
    gradients = np.tile([0.01, -1.0], (200, 1))
    got = iterates(tx, [0.3, 0.3], gradients)
    assert got[-1, 0] == 0
    without = iterates(FACTORIES[name](0.5), [0.3, 0.3], gradients)
    assert got[-1, 1] == pytest.approx(without[-1, 1], rel=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="learning_rate must be a finite number >= 0"):
        dual_averaging(-1.0)
    with pytest.raises(ValueError, match="l1 must be a finite number >= 0"):
        adaptive_dual_averaging(0.1, float("nan"))
    for delta in (0.0, -1.0, float("inf")):
        with pytest.raises(ValueError, match="delta must be a finite number > 0"):
            adaptive_dual_averaging(0.1, delta=delta)
    tx = dual_averaging(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(jnp.ones(1), tx.init(jnp.ones(1)))
