"""Zeros stay zeros, and the rest is trained as ever."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.optim import keep_zeros, soft_threshold


def start():
    table = jnp.abs(jax.random.normal(jax.random.key(0), (20, 3))) + 1
    return jnp.where(
        jax.random.bernoulli(jax.random.key(1), 0.5, table.shape), table, 0
    )


def train(tx, p, steps=30):
    state = tx.init(p)

    @jax.jit
    def step(p, state, g):
        updates, state = tx.update(g, state, p)
        return optax.apply_updates(p, updates), state

    for n in range(steps):
        p, state = step(p, state, jax.random.normal(jax.random.key(n), p.shape))
    return np.asarray(p)


OPTIMIZERS = {
    "proximal_yogi": ant.proximal_yogi(0.01, 1e-3),
    "soft_threshold": ant.proximal_yogi(0.01, 1e-3, prox=soft_threshold),
    "yogi": ant.yogi(0.01),
    "adam": ant.proximal_adam(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_stay_and_the_rest_moves_as_without(name):
    p = start()
    kept = train(optax.chain(keep_zeros(), OPTIMIZERS[name]), p)
    free = train(OPTIMIZERS[name], p)
    zero = np.asarray(p == 0)
    assert 20 < zero.sum() < 40
    assert (kept[zero] == 0).all()
    assert (free[zero] != 0).any()
    # None of them comes down to zero in so few steps.
    np.testing.assert_allclose(kept[~zero], free[~zero], rtol=1e-6)
    assert (kept != np.asarray(p))[~zero].all()


def test_a_nonnegative_entry_that_reaches_zero_stays_there():
    tx = optax.chain(keep_zeros(), ant.proximal_yogi(0.05, 1e-3))
    p = jnp.array([[0.05, 1.0]])
    # Down for a while, and then up.
    gradients = jnp.array([1.0] * 5 + [-1.0] * 40)

    @jax.jit
    def train(p):
        def step(carry, gradient):
            p, state = carry
            updates, state = tx.update(jnp.full((1, 2), gradient), state, p)
            p = optax.apply_updates(p, updates)
            return (p, state), p[0]

        return jax.lax.scan(step, (p, tx.init(p)), gradients)[1]

    first, second = np.asarray(train(p)).T
    assert (first[4:] == 0).all()
    assert second[-1] > second[4] > 0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_gradients_are_taken_away_where_the_parameter_is_zero(dtype):
    params = {
        "a": jnp.array([[0.0, -2.0], [3.0, -0.0]], dtype),
        "b": jnp.array(0.0, dtype),
    }
    gradients = jax.tree.map(lambda x: jnp.ones_like(x) * 5, params)
    tx = keep_zeros()
    got, _ = tx.update(gradients, tx.init(params), params)
    assert got["a"].dtype == dtype
    assert got["a"].tolist() == [[0, 5], [5, 0]]
    assert float(got["b"]) == 0


def test_it_stands_inside_of_multi_transform():
    params = {"t": ant.AnchorParams(jnp.zeros((2, 1)), jnp.array([[0.0, 1.0]]))}
    kept = optax.chain(keep_zeros(), optax.sgd(1.0))
    tx = optax.multi_transform(
        {"transform": kept, "other": optax.sgd(1.0)}, ant.param_labels
    )
    ones = jax.tree.map(jnp.ones_like, params)
    updates, _ = tx.update(ones, tx.init(params), params)
    assert updates["t"].transform.tolist() == [[0, -1]]
    assert updates["t"].anchors.tolist() == [[-1], [-1]]


def test_it_needs_the_parameters():
    tx = keep_zeros()
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
