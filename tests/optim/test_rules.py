"""The optimizers without a penalty, against optax and against their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.optim import proximal, rules

AS_IN_OPTAX = {
    "sgd": (rules.sgd(), optax.sgd(0.05)),
    "momentum": (rules.sgd(0.9), optax.sgd(0.05, momentum=0.9)),
    "adagrad": (rules.adagrad(), optax.adagrad(0.05)),
    "adam": (rules.adam(), optax.adam(0.05)),
    "amsgrad": (rules.amsgrad(), optax.amsgrad(0.05)),
}


def identity(x, strength, scaling):
    del strength, scaling
    return x


@pytest.mark.parametrize("name", AS_IN_OPTAX)
def test_without_a_penalty_the_steps_are_those_of_optax(name):
    rule, theirs = AS_IN_OPTAX[name]
    ours = proximal(rule, 0.05, prox=identity)
    p = q = {"a": jax.random.normal(jax.random.key(0), (4, 3)), "b": jnp.ones(())}
    ours_state, theirs_state = ours.init(p), theirs.init(q)
    our_update = jax.jit(ours.update)
    # optax itself mixes dtypes.
    their_update = jax.jit(jax.numpy_dtype_promotion("standard")(theirs.update))
    rng = np.random.default_rng(0)
    for _ in range(50):
        g = jax.tree.map(lambda x: jnp.float32(rng.normal(size=x.shape)), p)
        updates, ours_state = our_update(g, ours_state, p)
        p = optax.apply_updates(p, updates)
        updates, theirs_state = their_update(g, theirs_state, q)
        q = optax.apply_updates(q, updates)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5), p, q)


def yogi_by_hand(p, gradients, learning_rate, l1, b1=0.9, b2=0.999, eps=1e-3):
    """The paper's equations, one scalar at a time, with the adaptive prox."""
    p = np.array(p, np.float64)
    m, v = np.zeros_like(p), np.full_like(p, 1e-6)
    for t, g in enumerate(np.asarray(gradients, np.float64), start=1):
        for i in range(len(p)):
            m[i] = b1 * m[i] + (1 - b1) * g[i]
            v[i] = v[i] - (1 - b2) * np.sign(v[i] - g[i] ** 2) * g[i] ** 2
            rate = learning_rate * np.sqrt(1 - b2**t) / (1 - b1**t)
            step = rate / (np.sqrt(v[i]) + eps)
            p[i] = p[i] - step * m[i]
            if l1 is not None:
                p[i] = max(p[i] - step * l1, 0.0)
    return p


@pytest.mark.parametrize("l1", [None, 0.0, 0.2])
def test_yogi_follows_its_equations_for_a_thousand_steps(l1):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(1000, 5)) * rng.choice([0, 0.1, 3], (1000, 5))
    gradients += np.linspace(-0.05, 0.05, 5)
    start = rng.uniform(0, 1, 5)
    tx = ant.yogi(0.01) if l1 is None else ant.proximal_yogi(0.01, l1)

    @jax.jit
    def train(p):
        def step(carry, g):
            p, state = carry
            updates, state = tx.update(g, state, p)
            return (optax.apply_updates(p, updates), state), None

        return jax.lax.scan(step, (p, tx.init(p)), jnp.float32(gradients))[0][0]

    got = train(jnp.float32(start))
    expected = yogi_by_hand(start, gradients, 0.01, l1)
    if l1:
        assert (expected == 0).any()
        assert (expected > 0).any()
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5)


def test_yogi_is_not_optax_yogi():
    p = jnp.zeros(1)
    ours = ant.yogi(0.1)
    theirs = optax.yogi(0.1)
    g = jnp.ones(1)
    ours_step = ours.update(g, ours.init(p), p)[0]
    with jax.numpy_dtype_promotion("standard"):
        theirs_step = theirs.update(g, theirs.init(p), p)[0]
    assert abs(float(theirs_step[0])) > 1.02 * abs(float(ours_step[0]))
