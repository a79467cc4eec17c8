"""From chosen objects to parameters that an `AnchorEmbedding` goes on with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.spatial import distance

from ant_jax.anchors import (
    cooccurrence_vectors,
    from_centroids,
    from_objects,
    lloyd,
    nonnegative_similarity,
    orthogonality,
)
from ant_jax.embeddings import AnchorEmbedding, AnchorMixtureEmbedding
from ant_jax.embeddings.anchor_mixture import AnchorMixtureParams, MixturePart
from ant_jax.relations import cooccurrence_counts, positive_pmi

V, K, D = 9, 3, 4
EMB = AnchorEmbedding(V, D, K)
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(V, D)).astype(np.float32)
OBJECTS = np.array([7, 0, 4])
OTHERS = np.array([1, 2, 3, 5, 6, 8])


def test_an_object_with_an_anchor_is_embedded_as_it():
    params = from_objects(EMB, KEY, OBJECTS, VECTORS)
    np.testing.assert_array_equal(params.anchors, VECTORS[OBJECTS])
    np.testing.assert_array_equal(EMB.lookup(params, OBJECTS), VECTORS[OBJECTS])
    assert params.transform[OBJECTS].tolist() == np.eye(K).tolist()
    drawn = EMB.init(KEY)
    np.testing.assert_array_equal(params.transform[OTHERS], drawn.transform[OTHERS])


def test_what_is_not_given_is_drawn_as_the_embedding_draws_it():
    params, drawn = from_objects(EMB, KEY, OBJECTS, one_hot=False), EMB.init(KEY)
    np.testing.assert_array_equal(params.anchors, drawn.anchors)
    np.testing.assert_array_equal(params.transform, drawn.transform)
    params = from_centroids(EMB, KEY, VECTORS[:K])
    np.testing.assert_array_equal(params.anchors, VECTORS[:K])
    np.testing.assert_array_equal(params.transform, drawn.transform)


def test_the_transform_may_start_from_similarities():
    start = nonnegative_similarity(VECTORS, VECTORS[OBJECTS])
    cosines = 1 - distance.cdist(VECTORS, VECTORS[OBJECTS], "cosine")
    np.testing.assert_allclose(start, np.maximum(cosines, 0), atol=1e-6)
    params = from_objects(EMB, KEY, OBJECTS, VECTORS, transform=start)
    np.testing.assert_array_equal(params.transform[OTHERS], start[OTHERS])
    assert params.transform[OBJECTS].tolist() == np.eye(K).tolist()


def test_a_part_of_a_mixture_starts_as_its_objects():
    mixture = AnchorMixtureEmbedding(V, D, (K,))
    part = MixturePart(*from_objects(EMB, KEY, OBJECTS, VECTORS))
    rows = mixture.lookup(AnchorMixtureParams((part,)), OBJECTS)
    np.testing.assert_allclose(rows, VECTORS[OBJECTS])


def test_nothing_is_like_a_vector_of_zeros():
    vectors = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    assert nonnegative_similarity(vectors, vectors).tolist() == [[0, 0], [0, 1]]


def test_every_object_may_start_at_its_center():
    centroids, assignment = lloyd(VECTORS, VECTORS[:K], 5)
    params = from_centroids(EMB, KEY, centroids, assignment=assignment)
    np.testing.assert_array_equal(EMB.matrix(params), centroids[assignment])


def test_parameters_have_the_dtype_of_the_embedding():
    emb = AnchorEmbedding(V, D, K, param_dtype=jnp.bfloat16)
    for params in (
        from_objects(emb, KEY, OBJECTS, VECTORS),
        from_centroids(emb, KEY, VECTORS[:K], transform=np.ones((V, K), np.float32)),
    ):
        assert {p.dtype for p in params} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"objects": np.array([1, 2])},
            "objects must be 3 ids, one for each anchor, got 2",
        ),
        (
            {"objects": np.array([1.0, 2.0, 3.0])},
            "objects must be a sequence of integers",
        ),
        ({"objects": np.array([1, 2, 1])}, "objects holds 1 more than once"),
        ({"objects": np.array([1, 2, 9])}, r"holds 9, which is outside \[0, 9\)"),
        ({"objects": np.array([1, 2, -1])}, r"holds -1, which is outside \[0, 9\)"),
        ({"vectors": VECTORS[:, :2]}, r"vectors must have the shape \(9, 4\)"),
        ({"vectors": np.full((V, D), np.nan)}, "vectors must be finite"),
        ({"transform": -np.ones((V, K))}, "transform must be >= 0"),
        ({"transform": np.ones((K, V))}, r"transform must have the shape \(9, 3\)"),
    ],
)
def test_bad_objects_are_refused(given, match):
    with pytest.raises(ValueError, match=match):
        from_objects(EMB, KEY, **{"objects": OBJECTS, **given})


def test_bad_centroids_are_refused():
    with pytest.raises(ValueError, match=r"centroids must have the shape \(3, 4\)"):
        from_centroids(EMB, KEY, VECTORS)
    for assignment, match in (
        (np.zeros(K, int), r"assignment must be integers of shape \(9,\)"),
        (np.full(V, K), r"assignment must be in \[0, 3\)"),
    ):
        with pytest.raises(ValueError, match=match):
            from_centroids(EMB, KEY, VECTORS[:K], assignment=assignment)
    with pytest.raises(ValueError, match="either transform or assignment"):
        from_centroids(
            EMB,
            KEY,
            VECTORS[:K],
            transform=np.ones((V, K)),
            assignment=np.zeros(V, int),
        )


def test_vectors_are_those_of_a_whole_svd():
    tokens = (12 * RNG.random(300) ** 2).astype(np.int64)
    counts = cooccurrence_counts(tokens, np.array([0, 120]), 13, window=3)
    got = cooccurrence_vectors(KEY, counts, 4)
    assert got.shape == (13, 4)
    left, values, _ = np.linalg.svd(positive_pmi(counts).toarray())
    wanted = left[:, :4] * np.sqrt(values[:4])
    wanted *= np.sign(wanted[np.abs(wanted).argmax(0), np.arange(4)])
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert not got[12].any()  # never occurs
    other = cooccurrence_vectors(jax.random.key(1), counts, 4)
    np.testing.assert_allclose(other, got, atol=1e-5)
    with pytest.raises(ValueError, match=r"features must be in \[1, 13\)"):
        cooccurrence_vectors(KEY, counts, 13)


@pytest.mark.parametrize("unit_norm", [False, True])
def test_orthogonality_is_a_sum_over_pairs_of_anchors(unit_norm):
    anchors = VECTORS[:K]
    wanted = sum(
        (a @ b - (i == j)) ** 2
        for i, a in enumerate(anchors)
        for j, b in enumerate(anchors)
        if i != j or unit_norm
    )
    got = orthogonality(jnp.asarray(anchors), unit_norm=unit_norm)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    with jax.enable_x64(True):
        loss = jax.jit(lambda a: orthogonality(a, unit_norm=unit_norm))
        check_grads(loss, (jnp.asarray(anchors, jnp.float64),), order=1)


def test_an_orthonormal_basis_has_no_loss():
    emb = AnchorEmbedding(V, D, K, anchors_init=jax.nn.initializers.orthogonal())
    anchors = emb.init(KEY).anchors
    assert orthogonality(anchors, unit_norm=True) < 1e-10
    longer = anchors * jnp.array([[1.0], [2.0], [3.0]])
    assert orthogonality(longer) < 1e-10
    assert orthogonality(longer, unit_norm=True) > 70  # (4 - 1)² + (9 - 1)²
