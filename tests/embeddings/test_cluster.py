"""Clusters in training; what is shipped of them is tested with all tables."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

import ant_jax as ant
from ant_jax import training
from ant_jax.embeddings import (
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    ClusterParams,
    MixedClusterEmbedding,
    gumbel_softmax,
)
from ant_jax.optim import identity, rules

V, D, K = 12, 5, 4
MAKERS = {
    "cluster": functools.partial(ClusterEmbedding, V, D, K),
    "adjustment": functools.partial(ClusterAdjustmentEmbedding, V, D, K, 2),
    "mixed": functools.partial(MixedClusterEmbedding, V, D, K, 3),
}
IDS = np.array([[7, 7, 4], [11, 3, 7]])
ALL = np.arange(V)
# These compile in a third of the time of the default ones.
KEY, OTHER_KEY = (jax.random.key(seed, impl="rbg") for seed in (1, 2))
G = np.random.default_rng(4).normal(size=(*IDS.shape, D)).astype(np.float32)


def spread_params(emb):
    """Normal draws of deviation 1: neither settled nor all alike."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    return jax.tree.map(
        lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
    )


def clusters_of(params):
    return params if isinstance(params, ClusterParams) else params.clusters


class Case(NamedTuple):
    params: Any
    emb: Any
    noisy: np.ndarray  # of IDS, with KEY and a temperature of 0.5
    again: np.ndarray  # the same once more
    other: np.ndarray  # with OTHER_KEY
    cold: np.ndarray  # with a temperature of 0.1
    colder: np.ndarray  # with a temperature of 0.1 of the description
    one_hot: np.ndarray  # straight through
    still: np.ndarray  # without noise
    matrix: np.ndarray
    soft: np.ndarray  # of all objects
    settled: np.ndarray  # the same, of logits a thousand times as large
    mean: np.ndarray  # of 4,000 samples of all objects, straight through
    slope: Any  # of a sum of `noisy`
    one_hot_slope: Any


@pytest.fixture(scope="module", params=MAKERS)
def case(request):
    """What every method does, in one program: to compile is most of the time."""
    make = MAKERS[request.param]
    emb, cold = make(temperature=0.5), make(temperature=0.1)
    hard = make(temperature=0.5, straight_through=True)
    params = spread_params(emb)

    def settle(path, x):
        return x * 1000 if path[-1].name == "logits" else x

    @jax.jit
    def run(params, keys):
        def read(emb):
            return jax.grad(lambda p: jnp.sum(G * emb.lookup(p, IDS, key=keys[0])))(
                params
            )

        many = np.broadcast_to(ALL, (4000, V))
        large = jax.tree_util.tree_map_with_path(settle, params)
        return (
            emb.lookup(params, IDS, key=keys[0]),
            emb.lookup(params, IDS, key=keys[0]),
            emb.lookup(params, IDS, key=keys[1]),
            emb.lookup(params, IDS, key=keys[0], temperature=0.1),
            cold.lookup(params, IDS, key=keys[0]),
            hard.lookup(params, IDS, key=keys[0]),
            emb.lookup(params, IDS),
            emb.matrix(params),
            emb.soft_lookup(params, ALL),
            emb.soft_lookup(large, ALL),
            jnp.mean(hard.lookup(params, many, key=keys[0]), axis=0),
            read(emb),
            read(hard),
        )

    found = jax.device_get(run(params, (KEY, OTHER_KEY)))
    return Case(jax.device_get(params), emb, *found)


def test_every_occurrence_has_noise_of_its_own(case):
    sevens = case.noisy[[0, 0, 1], [0, 1, 2]]
    assert len({row.tobytes() for row in sevens}) == 3
    np.testing.assert_array_equal(case.noisy, case.again)
    assert (case.noisy != case.other).any(axis=-1).all()
    np.testing.assert_array_equal(case.still, case.matrix[IDS])


def test_samples_against_a_loop(case):
    clusters = clusters_of(case.params)
    own = V - len(clusters.logits)
    noise = np.asarray(jax.random.gumbel(KEY, (*IDS.shape, K)))
    for at, v in np.ndenumerate(IDS):
        scores = np.exp((clusters.logits[v - own] + noise[at]) / 0.5)
        weights = scores / sum(scores)
        expected = sum(weights[k] * clusters.embedding[k] for k in range(K))
        if "adjustment" in case.emb.method:
            expected = [*expected, *case.params.adjustment[v]]
        np.testing.assert_allclose(case.noisy[at], expected, rtol=1e-5, atol=1e-6)


def test_frequent_objects_have_no_noise():
    emb = MAKERS["mixed"]()
    params = spread_params(emb)

    @jax.jit
    def run(params):
        def read(params):
            found = emb.lookup(params, np.array([0, 4, -V, V]), key=KEY)
            return jnp.sum(found[:3])

        found = emb.lookup(params, np.array([0, 1, 2, -V, 3]), key=KEY)
        return found, jax.grad(read)(params)

    found, slopes = jax.device_get(run(params))
    own = np.asarray(params.frequent)
    np.testing.assert_array_equal(found[:4], own[[0, 1, 2, 0]])
    assert np.isfinite(slopes.clusters.logits).all()
    assert slopes.clusters.logits.any(axis=1).nonzero()[0].tolist() == [1]
    assert slopes.frequent.any(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_by_finite_differences(name):
    with jax.enable_x64(True):
        emb = MAKERS[name](param_dtype=jnp.float64)

        def read(params):
            return jnp.sum(G * emb.lookup(params, IDS, key=KEY, temperature=0.7))

        params = spread_params(emb)
        with jax.numpy_dtype_promotion("standard"):
            check_grads(jax.jit(read), (params,), order=1, modes=["rev"])


def test_straight_through_reads_one_cluster(case):
    vectors = clusters_of(case.params).embedding
    width = vectors.shape[1]
    rows = case.one_hot[:, 0, :width]
    # As a product with a one-hot vector, which a compiler may do in parts.
    distance = np.abs(rows[:, None] - vectors).max(axis=-1).min(axis=1)
    assert distance.max() < 1e-6
    distance = np.abs(case.noisy[:, :1, :width] - vectors).max(axis=-1).min(axis=1)
    assert distance.max() > 1e-3


def test_straight_through_learns_as_the_sample_does(case):
    soft, hard = clusters_of(case.slope), clusters_of(case.one_hot_slope)
    np.testing.assert_allclose(hard.logits, soft.logits, rtol=1e-4, atol=1e-6)
    assert soft.logits.any()
    assert np.abs(hard.embedding - soft.embedding).max() > 0.1


def test_the_temperature_of_a_call_goes_before_that_of_the_description(case):
    np.testing.assert_allclose(case.cold, case.colder, rtol=1e-6)
    assert np.abs(case.cold - case.noisy).max() > 0.01


def test_one_compilation_serves_a_schedule():
    emb = MAKERS["cluster"]()
    params = spread_params(emb)
    schedule = optax.exponential_decay(1.0, 10, 0.5, end_value=0.2)

    @jax.jit
    def at(step):
        return emb.lookup(params, IDS, key=KEY, temperature=schedule(step))

    found = [np.asarray(at(jnp.int32(step))) for step in (0, 10, 1000)]
    assert at._cache_size() == 1
    for vectors, temperature in zip(found, (1.0, 0.5, 0.2), strict=True):
        weights = gumbel_softmax(KEY, params.logits[IDS], temperature)
        expected = np.asarray(weights) @ np.asarray(params.embedding)
        np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-6)


def test_the_soft_lookup_is_the_mean_of_one_hot_samples(case):
    np.testing.assert_allclose(case.mean, case.soft, atol=0.1)
    assert np.abs(case.soft - case.matrix).max() > 0.5
    # And where all is settled there is no difference.
    np.testing.assert_allclose(case.settled, case.matrix, rtol=1e-5, atol=1e-5)


@functools.partial(jax.jit, static_argnums=0)
def three_lookups(emb, params, ids):
    return (
        emb.lookup(params, ids),
        emb.lookup(params, ids, key=KEY),
        emb.soft_lookup(params, ids),
    )


@settings(max_examples=20)
@given(data=st.data())
def test_ids_of_any_shape(data):
    shapes = [("cluster", ()), ("adjustment", (2, 1, 2)), ("mixed", (3,))]
    name, shape = data.draw(st.sampled_from(shapes), label="method and shape")
    emb = MAKERS[name]()
    params = spread_params(emb)
    size = int(np.prod(shape))
    ids = data.draw(
        st.lists(st.integers(-2 * V, 2 * V), min_size=size, max_size=size), label="ids"
    )
    ids = np.array(ids, np.int32).reshape(shape)
    outside = (ids < -V) | (ids >= V)
    for found in three_lookups(emb, params, ids):
        assert found.shape == (*shape, D)
        np.testing.assert_array_equal(np.isnan(found), outside[..., None].repeat(D, -1))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperatures_are_positive(temperature):
    for make in MAKERS.values():
        with pytest.raises(ValueError, match="temperature must be positive and finite"):
            make(temperature=temperature)


def test_sizes_that_leave_nothing_for_the_clusters():
    with pytest.raises(ValueError, match="adjustment_features must be below features"):
        ClusterAdjustmentEmbedding(V, D, K, D)
    with pytest.raises(ValueError, match="num_frequent must be below num_embeddings"):
        MixedClusterEmbedding(V, D, K, V)


class Batch(NamedTuple):
    ids: jax.Array
    targets: jax.Array


def test_lazy_rows_train_as_dense_ones_do():
    """Logits and adjustments by exact lazy rows, with noise, against Yogi on all."""
    emb, steps, batch = MAKERS["adjustment"](), 30, 8
    schedule = optax.exponential_decay(1.0, 10, 0.7, end_value=0.5)

    def loss(params, batch, *, key, step):
        found = emb.lookup(params, batch.ids, key=key, temperature=schedule(step))
        return jnp.mean(jnp.square(jnp.mean(found, axis=1) - batch.targets))

    mesh = training.data_mesh(jax.local_devices()[:2])
    rows = ant.LazyRows(rules.yogi(), 0.05, num_steps=100, prox=identity)
    names = ("clusters.logits", "adjustment")
    tables = training.LazyTables(
        dict.fromkeys(names, rows), dict.fromkeys(names, "ids")
    )
    trainers = [
        training.dense_trainer(loss, ant.yogi(0.05), mesh, batch, key=KEY),
        training.lazy_trainer(loss, ant.yogi(0.05), mesh, batch, tables, key=KEY),
    ]
    rng = np.random.default_rng(0)
    # Some words are rare, and some never occur.
    ids = np.minimum(rng.geometric(0.3, (steps * batch, 3)) - 1, V - 3)
    targets = rng.normal(size=(steps * batch, D))
    data = Batch(jnp.asarray(ids, jnp.int32), jnp.asarray(targets, jnp.float32))
    results = []
    for trainer in trainers:
        state = training.replicate(trainer.create(spread_params(emb)), mesh)
        state, _ = trainer.epoch(
            state, training.replicate(data, mesh), jax.random.key(0)
        )
        results.append(jax.device_get(trainer.params(state)))
    dense, lazy = results
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), lazy, dense
    )
    before = spread_params(emb).clusters.logits
    moved = np.asarray(dense.clusters.logits != before).any(axis=1)
    assert moved[: V - 3].all()
    assert not moved[V - 2 :].any()


def test_words_find_the_clusters_that_they_were_made_of():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 30)
    centers = rng.normal(size=(3, 4)) * 3
    target = jnp.asarray(centers[truth], jnp.float32)
    emb = ClusterEmbedding(30, 4, 6)
    tx = ant.yogi(0.05)
    ids = np.arange(30)

    @jax.jit
    def train(key):
        params = emb.init(key)

        def step(carry, key):
            params, state = carry

            def loss(params):
                found = emb.lookup(params, ids, key=key)
                return jnp.mean(jnp.square(found - target))

            updates, state = tx.update(jax.grad(loss)(params), state, params)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(key, 600)
        (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), keys)
        return params

    params = train(KEY)
    found = np.asarray(emb.matrix(params))
    error = np.mean(np.square(found - target))
    assert error < 0.1 * np.var(centers)
    assigned = np.asarray(emb.assignments(params))
    for cluster in set(assigned.tolist()):
        assert len(set(truth[assigned == cluster].tolist())) == 1
