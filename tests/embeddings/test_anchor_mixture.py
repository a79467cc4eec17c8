"""Mixtures of anchors where T has zeros, under the optimizer, and pruned."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    AnchorMixtureParams,
    MixturePart,
)
from ant_jax.embeddings.anchor_mixture import sparse_softmax
from ant_jax.pruning import num_nonzeros, prune, prune_to_size

V, D, SIZES = 9, 4, (5, 2)
EMB = AnchorMixtureEmbedding(V, D, SIZES)


def sparse_params(seed, density=0.5):
    rng = np.random.default_rng(seed)
    parts = []
    for size in SIZES:
        transform = np.abs(rng.normal(size=(V, size)))
        transform *= rng.random(transform.shape) < density
        anchors = rng.normal(size=(size, D))
        parts.append(MixturePart(*map(jnp.float32, (anchors, transform))))
    return AnchorMixtureParams(tuple(parts))


def vector(params, v):
    """A loop over the entries that are stored."""
    total = np.zeros(D)
    for part in params.parts:
        entries = [k for k, t in enumerate(part.transform[v]) if t != 0]
        scores = [math.exp(part.transform[v, k]) for k in entries]
        for k, score in zip(entries, scores, strict=True):
            total += score / sum(scores) * np.asarray(part.anchors[k], np.float64)
    return total


lookup = jax.jit(EMB.lookup)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), density=st.sampled_from([0.0, 0.2, 0.7, 1.0]))
def test_against_a_loop_over_the_stored_entries(seed, density):
    params = sparse_params(seed, density)
    expected = np.stack([vector(params, v) for v in range(V)])
    np.testing.assert_allclose(lookup(params, np.arange(V)), expected, atol=1e-5)


def test_no_gradient_reaches_a_zero():
    params = sparse_params(0)

    def read(params):
        return jnp.sum(jnp.sin(EMB.lookup(params, np.arange(V))))

    slopes = jax.jit(jax.grad(read))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    for part, slope in zip(params.parts, slopes.parts, strict=True):
        assert not np.asarray(slope.transform)[np.asarray(part.transform == 0)].any()
        # Nor an entry that is alone: it counts for all, whatever it is.
        several = np.asarray(jnp.sum(part.transform != 0, axis=1) > 1)
        moved = np.asarray(slope.transform).any(axis=1)
        np.testing.assert_array_equal(moved, several)


def test_gradients_by_finite_differences():
    with jax.enable_x64(True):
        rows = jnp.array([[0.0, 1.0, 2.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
        kept = rows != 0
        g = jnp.array([[1.0, 2.0, -1.0], [3.0, 1.0, 0.5], [1.0, 1.0, 1.0]])

        def value(values):
            values = jnp.where(kept, values, 0.0)
            return jnp.sum(g * sparse_softmax(values))

        check_grads(jax.jit(value), (rows,), order=1, modes=["rev"])


def test_large_entries_do_not_overflow():
    rows = jnp.array([[0.0, 1e4, 1e4], [-1e4, 0.0, 0.0]])
    expected = [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    np.testing.assert_array_equal(jax.jit(sparse_softmax)(rows), expected)


def test_parameters_are_counted():
    params = sparse_params(0)
    nonzeros = sum(np.count_nonzero(part.transform) for part in params.parts)
    assert EMB.num_params(params) == sum(SIZES) * D + nonzeros
    assert num_nonzeros(params) == nonzeros < V * sum(SIZES)


def test_each_set_has_an_initializer_of_its_own():
    zeros, ones = jax.nn.initializers.zeros, jax.nn.initializers.ones
    emb = AnchorMixtureEmbedding(V, D, SIZES, anchors_init=(zeros, ones))
    params = emb.init(jax.random.key(0))
    assert [float(part.anchors.mean()) for part in params.parts] == [0.0, 1.0]
    assert [part.transform.shape for part in params.parts] == [(V, 5), (V, 2)]
    assert all((part.transform > 0).all() for part in params.parts)
    with pytest.raises(ValueError, match="one for each of the 2 sets"):
        AnchorMixtureEmbedding(V, D, SIZES, anchors_init=(zeros,))
    with pytest.raises(ValueError, match="num_anchors must be a tuple"):
        AnchorMixtureEmbedding(V, D, ())


def test_objects_start_apart():
    emb = AnchorMixtureEmbedding(500, 16, (10,))
    table = np.asarray(emb.matrix(emb.init(jax.random.key(0))))
    within = table.var(axis=0).sum()
    assert within > 0.1 * np.square(table).sum(axis=1).mean()


def test_the_proximal_optimizer_makes_zeros_and_fits():
    emb = AnchorMixtureEmbedding(30, 4, (6, 3))
    rng = np.random.default_rng(0)
    target = jnp.float32(rng.normal(size=(3, 4))[rng.integers(0, 3, 30)])
    labels = ant.param_labels(emb.init(jax.random.key(0)))
    assert [part.transform for part in labels.parts] == ["transform"] * 2
    tx = optax.multi_transform(
        {
            "transform": ant.proximal_yogi(0.02, l1=5e-4),
            "other": ant.yogi(0.02),
        },
        ant.param_labels,
    )

    @jax.jit
    def train(params):
        def step(carry, _):
            params, state = carry

            def loss(params):
                found = emb.lookup(params, np.arange(30))
                return jnp.mean(jnp.square(found - target))

            value, slopes = jax.value_and_grad(loss)(params)
            updates, state = tx.update(slopes, state, params)
            return (optax.apply_updates(params, updates), state), value

        start = params, tx.init(params)
        (params, _), losses = jax.lax.scan(step, start, length=400)
        return params, losses

    params, losses = train(emb.init(jax.random.key(0)))
    assert losses[-1] < 0.1 * losses[0]
    assert num_nonzeros(params) < 0.7 * 30 * 9
    assert all((part.transform >= 0).all() for part in params.parts)


def test_pruning_drops_what_the_softmax_makes_small():
    params = sparse_params(3, density=0.8)
    for threshold in (0.1, 0.4):
        pruned = prune(params, threshold)
        for part, left in zip(params.parts, pruned.parts, strict=True):
            assert isinstance(left, MixturePart)
            part, left = jax.tree.map(np.asarray, (part, left))
            for v in range(V):
                entries = np.flatnonzero(part.transform[v])
                scores = np.exp(np.asarray(part.transform[v, entries], np.float64))
                for k, score in zip(entries, scores, strict=True):
                    length = np.linalg.norm(part.anchors[k]) * score / scores.sum()
                    assert abs(length - threshold) > 1e-5
                    assert bool(left.transform[v, k] != 0) == bool(length > threshold)
    assert num_nonzeros(prune_to_size(params, 10)) == 10
    with pytest.raises(ValueError, match="without a curvature"):
        prune(params, 0.1, params)


def test_fewer_rows_than_objects_as_lazy_rows_give_them():
    params = sparse_params(1)
    rows = np.array([7, 2, 2])
    small = AnchorMixtureParams(
        tuple(p._replace(transform=p.transform[rows]) for p in params.parts)
    )
    expected = lookup(params, rows)
    np.testing.assert_array_equal(lookup(small, np.arange(3)), expected)
    assert np.isnan(lookup(small, np.array([3]))).all()
