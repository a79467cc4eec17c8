"""What clusters and mixtures weigh once they are shipped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    AnchorMixtureParams,
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    ClusterParams,
    MixedClusterEmbedding,
    MixturePart,
)

V, D = 1003, 8


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.safetensors"


def random_params(emb):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    return jax.tree.map(
        lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
    )


@pytest.mark.parametrize(
    ("clusters", "nbytes"),
    [(1, 0), (2, 126), (5, 377), (16, 502), (17, 627), (100, 878)],
)
def test_an_object_costs_the_logarithm_of_the_number_of_clusters(
    path, clusters, nbytes
):
    emb = ClusterEmbedding(V, D, clusters)
    sizes = ant.compact.save(path, emb, random_params(emb))
    assert sizes.parts["assignments"] == nbytes
    assert sizes.parts["embedding"] == clusters * D * 4
    assert sizes.parts.keys() == {"assignments", "embedding", "header"}
    assert sizes.num_params == clusters * D


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_bytes_of_kin(path, dtype):
    width = jnp.dtype(dtype).itemsize
    emb = ClusterAdjustmentEmbedding(V, D, 10, 3, param_dtype=dtype)
    sizes = ant.compact.save(path, emb, random_params(emb))
    assert sizes.parts["assignments"] == 502
    assert sizes.total - sizes.parts["header"] == 502 + (10 * 5 + V * 3) * width
    emb = MixedClusterEmbedding(V, D, 10, 103, param_dtype=dtype)
    sizes = ant.compact.save(path, emb, random_params(emb))
    assert sizes.parts["assignments"] == 450
    assert sizes.total - sizes.parts["header"] == 450 + (103 + 10) * D * width


def test_of_equal_logits_the_first_counts(path):
    # XLA on a CPU takes subnormal numbers for zeros, so that here all are equal.
    logits = jnp.array([[0.0, 1e-40, 0.0], [-0.0, 0.0, -0.0], [-1.0, -1e-42, 0.0]])
    params = ClusterParams(logits, jnp.array([[1.0], [2.0], [3.0]]))
    emb = ClusterEmbedding(3, 1, 3)
    ant.compact.save(path, emb, params)
    found = ant.compact.load(path).matrix()
    np.testing.assert_array_equal(found, jax.jit(emb.matrix)(params))
    np.testing.assert_array_equal(found, [[1.0], [1.0], [2.0]])


def test_logits_that_are_no_numbers(path):
    emb = ClusterEmbedding(V, D, 3)
    params = random_params(emb)
    broken = params._replace(logits=params.logits.at[5, 1].set(jnp.nan))
    with pytest.raises(ValueError, match="logits holds NaN"):
        ant.compact.save(path, emb, broken)
    with pytest.raises(ValueError, match=r"logits has the shape \(1003, 3\)"):
        ant.compact.save(path, ClusterEmbedding(V, D, 4), params)


def sparse_mixture(dtype=jnp.float32):
    rng = np.random.default_rng(0)
    parts = []
    for size in (5, 12):
        transform = np.abs(rng.normal(size=(200, size)))
        transform *= rng.random(transform.shape) < 0.3
        anchors = rng.normal(size=(size, 6))
        parts.append(
            MixturePart(*(jnp.asarray(x, dtype) for x in (anchors, transform)))
        )
    return AnchorMixtureParams(tuple(parts))


@pytest.mark.parametrize(
    ("dtype", "param_dtype", "tolerance"),
    [
        (None, jnp.float32, 1e-6),
        (jnp.bfloat16, jnp.float32, 0.01),
        (jnp.float32, jnp.bfloat16, 0.01),
    ],
)
def test_a_mixture_ships_as_one_sparse_transform(path, dtype, param_dtype, tolerance):
    emb = AnchorMixtureEmbedding(200, 6, (5, 12), dtype=dtype, param_dtype=param_dtype)
    params = sparse_mixture(param_dtype)
    sizes = ant.compact.save(path, emb, params)
    assert sizes.num_params == emb.num_params(params)
    table = ant.compact.load(path)
    assert (table.method, table.sizes) == ("anchor_mixture", sizes)
    expected = jax.jit(emb.lookup)(params, np.arange(200))
    expected = np.asarray(expected).astype(np.float32)
    for ids in (np.arange(200), np.array([[7, 7, 199]])):
        np.testing.assert_allclose(table.lookup(ids), expected[ids], atol=tolerance)
    stored = safetensors.numpy.load_file(path)
    assert stored["anchors"].shape == (17, 6)
    nonzeros = sum(np.count_nonzero(part.transform) for part in params.parts)
    assert stored["transform.values"].size == nonzeros
    assert stored["transform.columns"].dtype == np.uint8


def test_a_mixture_that_does_not_fit(path):
    params = sparse_mixture()
    for sizes, message in [
        ((5, 12, 1), "There are 2 sets of anchors, .* has 3"),
        ((5, 11), r"parts\[1\].anchors has the shape \(12, 6\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            ant.compact.save(path, AnchorMixtureEmbedding(200, 6, sizes), params)
    assert not path.exists()
