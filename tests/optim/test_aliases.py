"""Yogi without a penalty, as any other optimizer of Optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import ant_jax as ant
from ant_jax.optim import identity, proximal, rules


def test_yogi_needs_no_parameters():
    tx, params = ant.yogi(0.1), {"a": jnp.array([1.0, -2.0]), "b": jnp.ones(())}
    zero = jax.tree.map(jnp.zeros_like, params)
    with_params = without = tx.init(params)
    for step in range(4):
        gradients = jax.tree.map(lambda p, s=step: jnp.sin(p * (s + 1)), params)
        expected, with_params = tx.update(gradients, with_params, zero)
        updates, without = tx.update(gradients, without)
        jax.tree.map(np.testing.assert_array_equal, updates, expected)
    jax.tree.map(np.testing.assert_array_equal, with_params, without)


def test_yogi_with_parameters_is_the_proximal_step_without_a_prox():
    params = jnp.array([1.0, -2.0, 1e-3], jnp.bfloat16)
    gradients = jnp.array([0.3, 0.2, 1.0], jnp.bfloat16)
    inner = proximal(rules.yogi(), 0.1, prox=identity)
    for tx in (ant.yogi(0.1), optax.chain(ant.yogi(0.1))):
        ours, _ = tx.update(gradients, tx.init(params), params)
        theirs, _ = inner.update(gradients, inner.init(params), params)
        assert ours.dtype == jnp.bfloat16
        np.testing.assert_array_equal(ours, theirs)
