"""Codes and codebooks: against a loop over objects and against scikit-learn."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans

import ant_jax as ant
from ant_jax.embeddings import (
    ProductQuantizedEmbedding,
    ProductQuantizedParams,
    product_quantize,
)

V, D, M, K = 13, 6, 3, 5


def random_params(dtype=np.float32):
    rng = np.random.default_rng(0)
    return ProductQuantizedParams(
        codebooks=jnp.asarray(rng.normal(size=(M, K, D // M)), dtype),
        codes=jnp.asarray(rng.integers(0, K, (V, M)), jnp.uint8),
    )


def test_the_five_functions_against_a_loop_over_objects():
    emb, params = ProductQuantizedEmbedding(V, D, M, K), random_params()
    assert isinstance(emb, ant.Embedding)
    table = np.array(
        [
            np.concatenate([params.codebooks[g, params.codes[v, g]] for g in range(M)])
            for v in range(V)
        ]
    )
    ids = np.array([[0, 12], [-1, 5]])
    h = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, D)), jnp.float32)

    @jax.jit
    def run(params):
        outside = emb.lookup(params, np.array([V, -V - 1, 2]))
        return (
            emb.lookup(params, ids),
            emb.matrix(params),
            emb.attend(params, h),
            outside,
        )

    found, matrix, scores, outside = run(params)
    assert (np.asarray(found) == table[ids]).all()
    assert (np.asarray(matrix) == table).all()
    np.testing.assert_allclose(scores, h @ table.T, rtol=1e-5, atol=1e-5)
    assert np.isnan(outside).all(axis=1).tolist() == [True, True, False]
    assert emb.num_params(params) == K * D


def test_codebooks_are_trained_on_with_the_codes_as_they_are():
    emb, params = ProductQuantizedEmbedding(V, D, M, K), random_params()

    ids = np.array([0, 4, 0])

    def loss(codebooks):
        return jnp.sum(emb.lookup(params._replace(codebooks=codebooks), ids))

    gradient = jax.grad(loss)(params.codebooks)
    expected = np.zeros((M, K, D // M))
    for v in ids:
        for g in range(M):
            expected[g, params.codes[v, g]] += 1
    assert (np.asarray(gradient) == expected).all()


def test_drawn_parameters():
    emb = ProductQuantizedEmbedding(2000, 8, 2, 300, param_dtype=jnp.bfloat16)
    params = emb.init(jax.random.key(0))
    assert params.codebooks.dtype == jnp.bfloat16
    assert params.codes.dtype == jnp.uint16
    assert 250 < int(params.codes.max()) < 300
    assert emb.matrix(params).dtype == jnp.bfloat16
    narrow = ProductQuantizedEmbedding(2000, 8, 2, 300, jnp.float16)
    assert jax.eval_shape(narrow.lookup, params, np.zeros(1, int)).dtype == jnp.float16
    h = jax.ShapeDtypeStruct((3, 8), jnp.float32)
    assert jax.eval_shape(narrow.attend, params, h).dtype == jnp.float16


def test_tables_are_quantized_as_well_as_by_scikit_learn():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(12, 8))
    table = centers[rng.integers(0, 12, 900)] + 0.3 * rng.normal(size=(900, 8))
    table = table.astype(np.float32)
    emb, params = product_quantize(table, num_groups=2, num_codes=16)
    assert emb == ProductQuantizedEmbedding(
        900, 8, 2, 16, param_dtype=np.dtype(np.float32)
    )
    for g, piece in enumerate(np.split(table, 2, axis=1)):
        codebook, codes = np.asarray(params.codebooks[g]), params.codes[:, g]
        distances = np.square(piece[:, None] - codebook).sum(axis=-1)
        np.testing.assert_allclose(
            distances[np.arange(900), codes], distances.min(axis=1), atol=1e-5
        )
        ours = distances.min(axis=1).sum()
        # Theirs draws every first entry several times, and starts thrice.
        assert ours < 1.2 * KMeans(16, n_init=3, random_state=0).fit(piece).inertia_
        assert ours < 1.01 * KMeans(16, init=codebook, n_init=1).fit(piece).inertia_


def test_as_many_codes_as_objects_lose_nothing():
    table = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    emb, params = product_quantize(table, num_groups=3, num_codes=7, seed=3)
    np.testing.assert_allclose(emb.matrix(params), table, atol=1e-6)


@pytest.mark.parametrize(("bits", "num_codes"), [(0, 1), (3, 5), (8, 256), (9, 300)])
def test_shipped_codes_take_few_bits(tmp_path, bits, num_codes):
    emb = ProductQuantizedEmbedding(41, 6, 3, num_codes, jnp.bfloat16)
    params = emb.init(jax.random.key(0))
    sizes = ant.compact.save(tmp_path / "table", emb, params)
    table = ant.compact.load(tmp_path / "table")
    assert sizes == table.sizes
    assert sizes.parts["codes"] == -(-41 * 3 * bits // 8)
    assert sizes.parts["codebooks"] == 6 * num_codes * 2
    assert sizes.num_params == table.num_params == emb.num_params(params)
    expected = np.asarray(jax.jit(emb.matrix)(params).astype(jnp.float32))
    assert table.matrix().tobytes() == expected.tobytes()
    ids = np.array([[3, 40], [0, 3]])
    assert table.lookup(ids).tobytes() == expected[ids].tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ProductQuantizedEmbedding(3, 6, 4, 2), "must divide the 6 features"),
        (lambda: ProductQuantizedEmbedding(3, 6, 2, 0), "num_codes must be a positive"),
        (lambda: product_quantize(np.ones((3, 2)), 1, 4), "at most 3, the number of"),
        (lambda: product_quantize(np.ones(3), 1, 4), r"table must be floats \(V, d\)"),
        (lambda: product_quantize(np.full((3, 2), np.inf), 1, 2), "NaN or infinity"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_codes_that_do_not_fit_are_not_shipped(tmp_path):
    emb, params = ProductQuantizedEmbedding(V, D, M, 4), random_params()
    params = params._replace(codebooks=params.codebooks[:, :4])
    with pytest.raises(ValueError, match=r"codes must be integers in \[0, 4\)"):
        ant.compact.save(tmp_path / "table", emb, params)


@pytest.mark.parametrize("room", ["anchors", "embeddings"])
def test_rooms_that_need_each_other_are_imported_in_any_order(room):
    program = f"import ant_jax.{room}, ant_jax.embeddings, ant_jax.anchors"
    subprocess.run([sys.executable, "-c", program], check=True)
