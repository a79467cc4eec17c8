"""What every compressed table promises, each against a NumPy loop over its objects."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    HashEmbedding,
    HashingEmbedding,
    LowRankEmbedding,
    MixedClusterEmbedding,
    MixedDimensionEmbedding,
    QuotientRemainderEmbedding,
    SelectedEmbedding,
)

V, D = 13, 6


class Case(NamedTuple):
    make: Callable[..., Any]  # description from what is common to all
    vector: Callable[[Any, Any, int], np.ndarray]  # the oracle: of one object
    num_params: int


def low_rank_vector(emb, params, v):
    return sum(params.coefficients[v, k] * params.basis[k] for k in range(emb.rank))


def quotient_remainder_vector(emb, params, v):
    pair = params.quotients[v // 4], params.remainders[v % 4]
    return pair[0] * pair[1] if emb.operation == "multiply" else pair[0] + pair[1]


def hashing_vector(emb, params, v):
    buckets = [(a * v + b) % (2**31 - 1) % 5 for a, b in emb.coefficients]
    return sum(params.embedding[bucket] for bucket in buckets)


def mixed_dimension_vector(emb, params, v):
    row = 0
    for table in params.tables:
        size, length = table.shape
        projected = length != emb.features
        if v < size:
            projection = params.projections[row : row + length]
            return table[v] @ projection if projected else table[v]
        v -= size
        row += length * projected
    raise AssertionError


def hash_vector(emb, params, v):
    vector = np.zeros(params.embedding.shape[1])
    for i, (a, b) in enumerate(emb.hash_coefficients):
        vector += params.weights[v, i] * params.embedding[(a * v + b) % (2**31 - 1) % 5]
    return np.append(vector, params.weights[v]) if emb.append_weights else vector


def selected_vector(emb, params, v):
    kept = sorted(emb.kept)
    return params.embedding[kept.index(v) if v in kept else -1]


def cluster_vector(emb, params, v):
    best = max(range(emb.num_clusters), key=lambda k: params.logits[v, k])
    return params.embedding[best]


def cluster_adjustment_vector(emb, params, v):
    shared = cluster_vector(emb, params.clusters, v)
    return np.concatenate([shared, params.adjustment[v]])


def mixed_cluster_vector(emb, params, v):
    own = len(params.frequent)
    if v < own:
        return params.frequent[v]
    return cluster_vector(emb, params.clusters, v - own)


def anchor_mixture_vector(emb, params, v):
    total = np.zeros(emb.features)
    for part in params.parts:
        weights = [math.exp(t) for t in part.transform[v]]
        for weight, anchor in zip(weights, part.anchors, strict=True):
            total += weight / sum(weights) * anchor
    return total


partial = functools.partial
CASES = {
    "anchor_mixture": Case(
        partial(AnchorMixtureEmbedding, V, D, (3, 1, 2)),
        anchor_mixture_vector,
        13 * 6 + 6 * 6,
    ),
    "cluster": Case(partial(ClusterEmbedding, V, D, 5), cluster_vector, 5 * 6),
    "cluster_adjustment": Case(
        partial(ClusterAdjustmentEmbedding, V, D, 5, 2),
        cluster_adjustment_vector,
        5 * 4 + 13 * 2,
    ),
    "mixed_cluster": Case(
        partial(MixedClusterEmbedding, V, D, 5, 3), mixed_cluster_vector, (3 + 5) * 6
    ),
    "low_rank": Case(
        partial(LowRankEmbedding, V, D, 3), low_rank_vector, 13 * 3 + 3 * 6
    ),
    "quotient_remainder": Case(
        partial(QuotientRemainderEmbedding, V, D, 4),
        quotient_remainder_vector,
        (4 + 4) * 6,
    ),
    "quotient_remainder_sum": Case(
        partial(QuotientRemainderEmbedding, V, D, 4, "add"),
        quotient_remainder_vector,
        (4 + 4) * 6,
    ),
    "hashing": Case(partial(HashingEmbedding, V, D, 5), hashing_vector, 5 * 6),
    "hashing_thrice": Case(
        partial(HashingEmbedding, V, D, 5, 3), hashing_vector, 5 * 6
    ),
    "hash_embedding": Case(
        partial(HashEmbedding, V, D, 5), hash_vector, 5 * 6 + 13 * 2
    ),
    "hash_embedding_appended": Case(
        partial(HashEmbedding, V, D, 5, 3, True), hash_vector, 5 * 3 + 13 * 3
    ),
    "selected": Case(
        partial(SelectedEmbedding, V, D, (7, 2, 0, 11)), selected_vector, (4 + 1) * 6
    ),
    "selected_all": Case(
        partial(SelectedEmbedding, V, D, range(V)), selected_vector, (13 + 1) * 6
    ),
    "selected_none": Case(partial(SelectedEmbedding, V, D, ()), selected_vector, 6),
    "mixed_dimension": Case(
        partial(MixedDimensionEmbedding, D, (2, 1, 7, 3), (8, 6, 3, 1)),
        mixed_dimension_vector,
        2 * 8 + 6 + 7 * 3 + 3 + (8 + 3 + 1) * 6,
    ),
    "mixed_dimension_full": Case(
        partial(MixedDimensionEmbedding, D, (3, 10), (6, 6)),
        mixed_dimension_vector,
        13 * 6,
    ),
}


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def random_params(emb):
    """Normal draws, also where the initializer gives ones."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    return jax.tree.map(lambda s: rng.normal(size=s.shape).astype(s.dtype), shapes)


def test_the_five_functions_against_a_loop_over_objects(case):
    emb = case.make()
    assert isinstance(emb, ant.Embedding)
    assert (emb.num_embeddings, emb.features) == (V, D)
    params = random_params(emb)
    wide = jax.tree.map(np.float64, params)
    dense = np.stack([case.vector(emb, wide, v) for v in range(V)])
    rng = np.random.default_rng(1)
    ids = rng.integers(0, V, (2, 5), np.int32)
    queries = [rng.normal(size=(*n, D)).astype(np.float32) for n in [(), (2, 3), (50,)]]
    g = rng.normal(size=(2, 5, D)).astype(np.float32)

    # One program: to compile is most of the time this test takes.
    @jax.jit
    def run(params):
        def read(params):
            return jnp.sum(g * emb.lookup(params, ids))

        def read_dense(params):
            return jnp.sum(g * emb.matrix(params)[ids])

        return (
            emb.lookup(params, ids),
            jax.vmap(emb.lookup, (None, 0))(params, ids),
            emb.lookup(params, 3),
            emb.matrix(params),
            [emb.attend(params, h) for h in map(jnp.asarray, queries)],
            jax.grad(read)(params),
            jax.grad(read_dense)(params),
        )

    found, mapped, one, matrix, scores, gradient, dense_gradient = run(params)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(found, dense[ids])
    close(mapped, dense[ids])
    close(one, dense[3])
    close(matrix, dense)
    for h, logits in zip(queries, scores, strict=True):
        close(logits, h @ dense.T)
    jax.tree.map(close, gradient, dense_gradient)


def test_ids_are_read_as_flax_reads_them(case):
    emb = case.make()
    params = random_params(emb)
    ids = np.array([V - 1, V, V + 100, -1, -V, -V - 1, 2**31 - 1, -(2**31)], np.int32)

    @jax.jit
    def run(params):
        variables = {"params": {"embedding": emb.matrix(params)}}
        theirs = nn.Embed(V, D).apply(variables, ids)
        return emb.lookup(params, ids), theirs

    ours, theirs = run(params)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert np.isnan(theirs).any(axis=-1).sum() == 5
    with pytest.raises(ValueError, match="must be an integer"):
        emb.lookup(params, 1.0)


@pytest.mark.parametrize(
    ("dtype", "param_dtype", "result"),
    [
        (None, jnp.bfloat16, jnp.bfloat16),
        (jnp.float16, jnp.float32, jnp.float16),
        (jnp.float32, jnp.bfloat16, jnp.float32),
    ],
)
def test_dtypes_of_results(case, dtype, param_dtype, result):
    emb = case.make(dtype=dtype, param_dtype=param_dtype)
    params = jax.eval_shape(emb.init, jax.random.key(0))
    assert all(p.dtype == param_dtype for p in jax.tree.leaves(params))
    ids = np.zeros((2, 0, 3), np.uint8)
    h = jnp.ones((2, D), param_dtype)
    found = jax.eval_shape(emb.lookup, params, ids)
    assert (found.shape, found.dtype) == ((2, 0, 3, D), result)
    assert jax.eval_shape(emb.matrix, params).dtype == result
    assert jax.eval_shape(emb.attend, params, h).dtype == result


def test_parameters_are_counted(case):
    emb = case.make()
    found = emb.num_params(random_params(emb))
    assert found == case.num_params
    assert type(found) is int


def test_descriptions_are_values(case):
    one, same = case.make(), case.make()
    assert one == same
    assert hash(one) == hash(same)
    assert one != case.make(dtype=jnp.bfloat16)
    with pytest.raises(AttributeError):
        one.features = 3


LARGE = {
    "cluster": ClusterEmbedding(2000, 25, 400),
    "mixed_cluster": MixedClusterEmbedding(2000, 25, 400, 500),
    "low_rank": LowRankEmbedding(2000, 25, 4),
    "mixed_dimension": MixedDimensionEmbedding(25, (500, 1500), (25, 8)),
}


@pytest.mark.parametrize("emb", LARGE.values(), ids=LARGE)
def test_vectors_start_as_long_as_those_of_a_full_table(emb):
    draw = jax.jit(lambda key: emb.matrix(emb.init(key)))
    vectors = draw(jax.random.key(0))
    assert (vectors != draw(jax.random.key(1))).any()
    assert abs(float(jnp.mean(vectors))) < 0.01
    np.testing.assert_allclose(jnp.std(vectors), 25**-0.5, rtol=0.15)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda size: AnchorMixtureEmbedding(V, size, (2,)), "features"),
        (lambda size: AnchorMixtureEmbedding(V, D, (2, size)), r"anchors\[1\]"),
        (lambda size: ClusterEmbedding(V, D, size), "num_clusters"),
        (lambda size: ClusterAdjustmentEmbedding(V, D, size, 2), "num_clusters"),
        (lambda size: ClusterAdjustmentEmbedding(V, D, 2, size), "adjustment_features"),
        (lambda size: MixedClusterEmbedding(V, D, 2, size), "num_frequent"),
        (lambda size: LowRankEmbedding(V, D, size), "rank"),
        (lambda size: LowRankEmbedding(size, D, 2), "num_embeddings"),
        (lambda size: QuotientRemainderEmbedding(V, D, size), "num_remainders"),
        (lambda size: HashingEmbedding(V, D, size), "num_buckets"),
        (lambda size: HashingEmbedding(V, D, 3, size), "num_hashes"),
        (lambda size: HashEmbedding(V, D, size), "num_buckets"),
        (lambda size: HashEmbedding(V, D, 3, size), "num_hashes"),
        (lambda size: SelectedEmbedding(V, size, (1,)), "features"),
        (lambda size: MixedDimensionEmbedding(size, (3,), (2,)), "features"),
        (lambda size: MixedDimensionEmbedding(D, (3, size), (2, 2)), r"sizes\[1\]"),
        (lambda size: MixedDimensionEmbedding(D, (3,), (size,)), r"features\[0\]"),
    ],
)
@pytest.mark.parametrize("size", [0, True])
def test_sizes_must_be_positive_integers(make, field, size):
    with pytest.raises(ValueError, match=f"{field} must be a positive integer"):
        make(size)
