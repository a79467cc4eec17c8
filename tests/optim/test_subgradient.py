"""The penalty in the gradient against the derivative of the penalty."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.optim import l1_subgradient


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_it_adds_the_derivative_of_the_penalty(dtype):
    p = {"a": jnp.array([[1.5, -0.2], [0.3, -4.0]], dtype), "b": jnp.array(2.0, dtype)}
    g = jax.tree.map(lambda x: x / 4, p)
    tx = l1_subgradient(0.25)
    got, _ = tx.update(g, tx.init(p), p)

    def penalty(p):
        return sum(jnp.abs(x).astype(jnp.float32).sum() for x in jax.tree.leaves(p))

    for name, slope in jax.grad(penalty)(p).items():
        assert got[name].dtype == dtype
        expected = np.asarray(g[name] + slope / 4, np.float32)
        np.testing.assert_array_equal(got[name].astype(jnp.float32), expected)


def test_a_zero_stays_zero():
    p = jnp.array([0.0, -0.0])
    tx = l1_subgradient(1.0)
    np.testing.assert_array_equal(tx.update(jnp.zeros(2), tx.init(p), p)[0], [0, 0])


def test_the_penalty_follows_a_schedule():
    tx = optax.chain(l1_subgradient(lambda count: jnp.array([1.0, 0.5, 0.0])[count]))
    p = jnp.array([2.0, -1.0])
    state = tx.init(p)
    for l1 in (1.0, 0.5, 0.0):
        updates, state = jax.jit(tx.update)(jnp.zeros(2), state, p)
        np.testing.assert_array_equal(updates, [l1, -l1])


def test_it_is_kept_to_the_tables_by_a_mask():
    params = {"table": jnp.ones(2), "bias": jnp.ones(2)}
    penalty = optax.masked(l1_subgradient(0.5), {"table": True, "bias": False})
    tx = optax.chain(penalty, ant.yogi(0.1))
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = tx.update(zero, tx.init(params), params, unknown=1)
    assert (updates["table"] < 0).all()
    assert (updates["bias"] == 0).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="l1 must be a finite number >= 0"):
        l1_subgradient(-0.1)
    tx = l1_subgradient(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(jnp.ones(1), tx.init(jnp.ones(1)))
