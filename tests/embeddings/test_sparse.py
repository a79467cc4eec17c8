"""`SparseEmbedding` and `SlimmingEmbedding` against the full table they are."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.embeddings import (
    SlimmingEmbedding,
    SparseEmbedding,
    SparseParams,
)
from ant_jax.optim import dual_averaging, l1_subgradient
from ant_jax.pruning import prune_to_size

V, D = 11, 4

both = pytest.mark.parametrize("kind", [SparseEmbedding, SlimmingEmbedding])


def sparse_params(seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(V, D)) * (rng.random((V, D)) < 0.4)
    return SparseParams(jnp.asarray(table, dtype))


@both
@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_everything_but_the_count_is_as_in_the_full_table(kind, dtype):
    emb, full = kind(V, D, dtype=dtype), ant.FullEmbedding(V, D, dtype=dtype)
    params = sparse_params()
    ids = jnp.array([[0, 10, -1], [11, 3, 3]])
    h = jax.random.normal(jax.random.key(1), (2, 3, D))
    for found, expected in [
        (emb.lookup(params, ids), full.lookup(params, ids)),
        (emb.attend(params, h), full.attend(params, h)),
        (emb.matrix(params), full.matrix(params)),
        (emb.init(jax.random.key(0))[0], full.init(jax.random.key(0))[0]),
    ]:
        assert found.dtype == expected.dtype
        assert np.array_equal(np.float32(found), np.float32(expected), equal_nan=True)


@both
def test_only_non_zeros_are_counted(kind):
    params = sparse_params()
    count = sum(x != 0 for x in np.asarray(params.embedding).ravel().tolist())
    assert 0 < count < V * D
    assert kind(V, D).num_params(params) == count
    assert kind(V, D).num_params(SparseParams(jnp.zeros((V, D)))) == 0


@both
def test_a_zero_has_no_sign_and_still_a_gradient(kind):
    emb = kind(2, 2)
    params = SparseParams(jnp.array([[0.0, -0.0], [-1.0, 2.0]]))
    rows = emb.lookup(params, jnp.arange(2))
    assert np.signbit(rows).tolist() == [[False, False], [True, False]]
    ids = jnp.array([0, 0, 1])
    gradient = jax.jit(jax.grad(lambda p: emb.lookup(p, ids).sum()))(params)
    assert isinstance(gradient, SparseParams)
    assert gradient.embedding.tolist() == [[2, 2], [1, 1]]


@both
def test_parameters_and_descriptions_are_of_their_own_kind(kind):
    emb = kind(V, D)
    assert isinstance(emb, ant.Embedding)
    assert hash(emb) == hash(kind(V, D))
    assert emb == kind(V, D) != ant.FullEmbedding(V, D)
    params = emb.init(jax.random.key(0))
    doubled = jax.tree.map(lambda x: 2 * x, params)
    assert type(params) is type(doubled) is SparseParams
    with pytest.raises(ValueError, match="features must be a positive integer"):
        kind(V, 0)


def fit(tx, params, target, steps=3000):
    def loss(params, ids):
        rows = SparseEmbedding(V, D).lookup(params, ids)
        return jnp.sum(jnp.square(rows - target[ids])) / 2

    @jax.jit
    def train(params):
        def step(carry, ids):
            params, state = carry
            gradient = jax.grad(loss)(params, ids)
            updates, state = tx.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), None

        ids = jax.random.randint(jax.random.key(0), (steps, 5), 0, V)
        return jax.lax.scan(step, (params, tx.init(params)), ids)[0][0]

    return train(params)


def test_who_makes_the_zeros():
    """Dual averaging while it trains; of a subgradient, pruning what it made small."""
    target = sparse_params(1).embedding
    support = np.asarray(target) != 0
    small = np.abs(np.asarray(target)) < 0.3
    start = SparseEmbedding(V, D).init(jax.random.key(2))

    averaged = fit(dual_averaging(0.5, 0.05), start, target)
    found = np.asarray(averaged.embedding) != 0
    assert not found[~support].any()
    assert found[support & ~small].all()

    tx = optax.chain(l1_subgradient(0.05), optax.sgd(0.05))
    slimmed = fit(tx, start, target)
    emb = SlimmingEmbedding(V, D)
    assert emb.num_params(slimmed) == V * D
    keep = int((support & ~small).sum())
    pruned = prune_to_size(slimmed, keep)
    assert emb.num_params(pruned) == keep
    assert not (np.asarray(pruned.embedding) != 0)[~support].any()
