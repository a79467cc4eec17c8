"""Choosing rows: from a table, by a group lasso, and what a description promises."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import (
    FullEmbedding,
    FullParams,
    SelectedEmbedding,
    kept_rows,
    select_rows,
)
from ant_jax.optim import group_soft_threshold


def test_descriptions_of_the_same_objects_are_equal():
    one = SelectedEmbedding(9, 2, (5, 0, 3))
    same = SelectedEmbedding(9, 2, np.array([3, 0, 5], np.uint8))
    assert one.kept == (0, 3, 5)
    assert one == same
    assert hash(one) == hash(same)
    assert one != SelectedEmbedding(9, 2, (0, 3))


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ((1, 9), r"kept holds 9, which is outside \[0, 9\)"),
        ((-1, 3), r"kept holds -1, which is outside"),
        ((1, 4, 1), "kept holds 1 more than once"),
        ((True,), "kept must be a sequence of integers"),
        (np.array([[1, 2]]), "kept must be a sequence of integers"),
    ],
)
def test_ids_that_cannot_be_kept(kept, message):
    with pytest.raises(ValueError, match=message):
        SelectedEmbedding(9, 2, kept)


@given(kept=st.sets(st.integers(0, 11)), seed=st.integers(0, 2**31))
def test_selected_rows_are_those_of_the_table(kept, seed):
    table = np.random.default_rng(seed).normal(size=(12, 3)).astype(np.float32)
    emb, params = select_rows(FullEmbedding(12, 3), FullParams(table), tuple(kept))
    others = [v for v in range(12) if v not in kept]
    mean = np.mean(table[others], axis=0) if others else np.zeros(3)
    expected = np.array([table[v] if v in kept else mean for v in range(12)])
    np.testing.assert_allclose(emb.matrix(params), expected, rtol=1e-5, atol=1e-6)


def test_the_shared_row_and_the_dtypes_may_be_given():
    full = FullEmbedding(4, 2, jnp.float16, jnp.bfloat16)
    table = full.init(jax.random.key(0))
    emb, params = select_rows(full, table, [1], shared=np.array([7.0, 8.0]))
    assert (emb.dtype, emb.param_dtype) == (jnp.float16, jnp.bfloat16)
    assert params.embedding.dtype == jnp.bfloat16
    assert emb.matrix(params)[3].tolist() == [7.0, 8.0]
    assert (emb.matrix(params)[1] == full.matrix(table)[1]).all()


def group_lasso(rng, num_words, features, strength):
    """Trains a full table under the penalty; returns it with the loss's gradient."""
    design = rng.normal(size=(40, num_words)) + rng.normal(size=(40, 1))
    truth = rng.normal(size=(num_words, features))
    truth[num_words // 2 :] = 0
    targets = design @ truth + 0.1 * rng.normal(size=(40, features))
    design, targets = (jnp.asarray(x / 40**0.5) for x in (design, targets))
    emb = FullEmbedding(num_words, features, param_dtype=jnp.float64)

    def loss(params):
        return 0.5 * jnp.sum((design @ emb.matrix(params) - targets) ** 2)

    tx = ant.proximal_yogi(
        optax.exponential_decay(0.05, 1000, 0.3), strength, prox=group_soft_threshold
    )

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    params = emb.init(jax.random.key(0))
    run = jax.jit(lambda c: jax.lax.scan(step, c, length=6000)[0])
    params, _ = run((params, tx.init(params)))
    return params, jax.grad(loss)(params).embedding


def test_a_group_lasso_trains_exact_zero_rows_to_its_optimum():
    """By the conditions that only the minimum of the convex problem fulfills."""
    strength = 0.3
    with jax.enable_x64(True):
        params, gradient = group_lasso(np.random.default_rng(0), 12, 3, strength)
        kept = kept_rows(params)
    table, gradient = np.asarray(params.embedding), np.asarray(gradient)
    assert 0 < kept.size < 12
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    others = np.setdiff1d(np.arange(12), kept)
    stationary = gradient[kept] + strength * table[kept] / norms[kept]
    assert np.abs(stationary).max() < 1e-4
    assert np.linalg.norm(gradient[others], axis=1).max() <= strength
