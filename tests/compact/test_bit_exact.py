"""The shipped table returns what the trained embedding returns, to the last bit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ant_jax as ant

FLOATS = {
    "float16": jnp.float16,
    "bfloat16": jnp.bfloat16,
    "float32": jnp.float32,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.safetensors"


def random_params(rng, vocab, features, num_anchors, density, dtype):
    transform = np.abs(rng.normal(size=(vocab, num_anchors)))
    transform *= rng.random(transform.shape) < density
    # Magnitudes far apart make every rounding count.
    anchors = rng.normal(size=(num_anchors, features))
    anchors *= 10.0 ** rng.integers(-2, 3, anchors.shape)
    return ant.AnchorParams(jnp.asarray(anchors, dtype), jnp.asarray(transform, dtype))


def assert_same_bits(found: np.ndarray, expected: jax.Array) -> None:
    assert found.shape == expected.shape
    if expected.dtype == jnp.bfloat16:
        assert found.dtype == np.float32
        expected = expected.astype(jnp.float32)
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


def ship(path, emb, params):
    ant.compact.save(path, emb, params)
    return ant.compact.load(path)


# Every example compiles.
@settings(max_examples=settings().max_examples // 4)
@given(
    num_anchors=st.integers(1, 130),
    features=st.integers(1, 70),
    vocab=st.integers(1, 300),
    n=st.integers(0, 300),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    param_dtype=st.sampled_from(list(FLOATS)),
    dtype=st.sampled_from([None, *FLOATS]),
    seed=st.integers(0, 2**31),
)
@example(130, 70, 40, 300, 0.5, "float32", None, 0)
@example(15, 16, 300, 200, 0.5, "float32", "bfloat16", 1)
@example(15, 16, 300, 200, 0.5, "bfloat16", "float16", 2)
@example(1, 1, 1, 0, 1.0, "float32", None, 3)
def test_lookup_equals_the_trained_embedding(
    path, lookup, num_anchors, features, vocab, n, density, param_dtype, dtype, seed
):
    rng = np.random.default_rng(seed)
    emb = ant.AnchorEmbedding(
        vocab,
        features,
        num_anchors,
        dtype=dtype and FLOATS[dtype],
        param_dtype=FLOATS[param_dtype],
    )
    args = rng, vocab, features, num_anchors, density, emb.param_dtype
    params = random_params(*args)
    table = ship(path, emb, params)
    assert table.num_params <= emb.num_params(params)
    ids = rng.integers(0, vocab, n)
    assert_same_bits(table.lookup(ids), lookup(emb, params, ids))
    assert np.array_equal(table.matrix()[ids], table.lookup(ids))


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3, 4), (5, 0, 2)])
@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
@pytest.mark.parametrize("by", ["call", "jit", "vmap"])
def test_lookup_of_any_shape_under_any_transformation(
    path, shape, dtype, by, users_compiler
):
    rng = np.random.default_rng(0)
    emb = ant.AnchorEmbedding(50, 17, 33, dtype=dtype)
    params = random_params(rng, 50, 17, 33, 0.5, jnp.float32)
    lookup = functools.partial(emb.lookup, params)
    if by == "vmap" and shape:
        lookup = jax.vmap(lookup)
    if by != "call":
        lookup = jax.jit(lookup, compiler_options=users_compiler)
    ids = rng.integers(0, 50, shape)
    assert_same_bits(ship(path, emb, params).lookup(ids), lookup(ids))


def test_lookup_on_a_mesh_of_eight(path, lookup):
    rng = np.random.default_rng(0)
    emb = ant.AnchorEmbedding(50, 17, 33)
    params = random_params(rng, 50, 17, 33, 0.5, jnp.float32)
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Auto,))
    over_data = jax.NamedSharding(mesh, jax.P("data"))
    ids = jax.device_put(rng.integers(0, 50, 64, np.int32), over_data)
    assert_same_bits(ship(path, emb, params).lookup(ids), lookup(emb, params, ids))


def test_float64_under_x64(path, lookup):
    with jax.enable_x64(True):
        emb = ant.AnchorEmbedding(50, 17, 33, param_dtype=jnp.float64)
        rng = np.random.default_rng(0)
        params = random_params(rng, 50, 17, 33, 0.5, jnp.float64)
        ids = rng.integers(0, 50, 20)
        assert_same_bits(ship(path, emb, params).lookup(ids), lookup(emb, params, ids))
        narrow = ant.AnchorEmbedding(50, 17, 33, jnp.float32, jnp.float64)
        table = ship(path, narrow, params)
        assert_same_bits(table.lookup(ids), lookup(narrow, params, ids))


@pytest.mark.parametrize("dtype", [None, *FLOATS.values()])
@pytest.mark.parametrize("param_dtype", FLOATS.values())
def test_full_table(path, dtype, param_dtype):
    emb = ant.FullEmbedding(20, 5, dtype=dtype, param_dtype=param_dtype)
    params = emb.init(jax.random.key(0))
    ids = np.array([[0, 19], [3, 3]])
    assert_same_bits(ship(path, emb, params).lookup(ids), emb.lookup(params, ids))


def test_negative_zeros_of_the_transform(path):
    emb = ant.AnchorEmbedding(3, 2, 2)
    params = ant.AnchorParams(
        anchors=jnp.array([[1.0, -1.0], [-0.0, 2.0]]),
        transform=jnp.array([[-0.0, 0.0], [-0.0, 1.0], [1.0, -0.0]]),
    )
    table = ship(path, emb, params)
    assert table.num_params == 4 + 2
    assert_same_bits(table.matrix(), emb.lookup(params, np.arange(3)))


TINY = float(np.finfo(np.float32).tiny)


@given(data=st.data(), seed=st.integers(0, 2**31))
def test_numbers_so_small_that_xla_flushes_them(path, lookup, data, seed):
    rng = np.random.default_rng(seed)
    small = rng.choice([0.0, 1e-45, 1e-39, TINY, 1.7 * TINY, 1e-30, 1e-22, 1.0], (9, 5))
    signs = rng.choice([-1.0, 1.0], (9, 5))
    scale = data.draw(st.sampled_from([1.0, 1e-10, 1e-20]))
    params = ant.AnchorParams(
        anchors=jnp.asarray(rng.normal(size=(5, 4)) * scale, jnp.float32),
        # No -0: which zeros of T were negative is not stored, and here it could show.
        transform=jnp.asarray(np.where(small == 0, 0.0, small * signs), jnp.float32),
    )
    emb = ant.AnchorEmbedding(9, 4, 5)
    table = ship(path, emb, params)
    assert_same_bits(table.matrix(), lookup(emb, params, np.arange(9)))


def test_sums_that_overflow(path):
    emb = ant.AnchorEmbedding(2, 1, 2)
    params = ant.AnchorParams(
        anchors=jnp.full((2, 1), 3e38), transform=jnp.array([[1.0, 1.0], [1.0, 0.0]])
    )
    table = ship(path, emb, params)
    assert table.matrix().tolist() == [[np.inf], [np.float32(3e38)]]
    assert_same_bits(table.matrix(), emb.lookup(params, np.arange(2)))
