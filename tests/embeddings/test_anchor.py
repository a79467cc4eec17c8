"""`AnchorEmbedding` against NumPy loops, finite differences and Flax's contract."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

import ant_jax as ant

V, D, K = 11, 4, 3


@pytest.fixture
def emb() -> ant.AnchorEmbedding:
    return ant.AnchorEmbedding(num_embeddings=V, features=D, num_anchors=K)


def random_params(vocab=V, features=D, num_anchors=K, seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    transform = np.abs(rng.normal(size=(vocab, num_anchors)))
    transform *= rng.random((vocab, num_anchors)) < 0.5
    return ant.AnchorParams(
        anchors=jnp.asarray(rng.normal(size=(num_anchors, features)), dtype),
        transform=jnp.asarray(transform, dtype),
    )


def ordered_loop(params: ant.AnchorParams, ids: np.ndarray) -> np.ndarray:
    """The oracle: one scalar sum after another in float32, anchors ascending."""
    anchors = np.asarray(params.anchors).astype(np.float32)
    transform = np.asarray(params.transform).astype(np.float32)
    out = np.zeros((*ids.shape, anchors.shape[1]), np.float32)
    for where in np.ndindex(*ids.shape):
        for c in range(anchors.shape[1]):
            total = np.float32(0)
            for k in range(anchors.shape[0]):
                total = total + transform[ids[where], k] * anchors[k, c]
            out[(*where, c)] = total
    return out


def test_init_draws_positive_parameters_of_the_right_shapes(emb):
    params = emb.init(jax.random.key(0))
    assert params.anchors.shape == (K, D)
    assert params.transform.shape == (V, K)
    assert all(p.dtype == jnp.float32 and (p >= 0).all() for p in params)
    other = emb.init(jax.random.key(1))
    assert (params.anchors != other.anchors).any()


def test_init_works_abstractly(emb):
    shapes = jax.eval_shape(emb.init, jax.random.key(0))
    assert shapes.transform.shape == (V, K)


def test_init_calls_the_initializers_given():
    emb = ant.AnchorEmbedding(
        V,
        D,
        K,
        param_dtype=jnp.bfloat16,
        anchors_init=jax.nn.initializers.constant(2.0),
        transform_init=jax.nn.initializers.ones,
    )
    params = emb.init(jax.random.key(0))
    assert params.anchors.dtype == params.transform.dtype == jnp.bfloat16
    assert (params.anchors == 2).all()
    assert (params.transform == 1).all()


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3)])
def test_lookup_equals_a_scalar_loop_to_the_bit(emb, shape, users_compiler):
    params = random_params()
    ids = np.random.default_rng(1).integers(0, V, shape)
    expected = ordered_loop(params, ids)
    compiled = jax.jit(emb.lookup, compiler_options=users_compiler)
    for lookup in (emb.lookup, compiled):
        found = lookup(params, ids)
        assert found.shape == (*shape, D)
        assert np.array_equal(found, expected)


def test_lookup_does_not_depend_on_the_batch(emb):
    emb = ant.AnchorEmbedding(num_embeddings=300, features=33, num_anchors=65)
    params = random_params(300, 33, 65)
    together = np.asarray(emb.lookup(params, np.arange(300)))
    for i in (0, 17, 299):
        assert np.array_equal(emb.lookup(params, i), together[i])
        assert np.array_equal(
            emb.lookup(params, np.array([[i]] * 7))[3, 0], together[i]
        )


def test_lookup_takes_a_python_int(emb):
    params = random_params()
    assert np.array_equal(emb.lookup(params, 4), emb.lookup(params, np.array(4)))


def test_lookup_takes_an_empty_batch(emb):
    assert emb.lookup(random_params(), np.zeros((2, 0), np.int32)).shape == (2, 0, D)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32])
def test_lookup_takes_any_integer_type(emb, dtype):
    params = random_params()
    ids = np.array([0, 10, 3], dtype)
    assert np.array_equal(emb.lookup(params, ids), ordered_loop(params, ids))


@pytest.mark.parametrize(
    "ids", [1.0, np.array([1.0]), np.array([True]), np.zeros((2, 0))]
)
def test_lookup_refuses_ids_that_are_not_integers(emb, ids):
    with pytest.raises(ValueError, match="must be an integer"):
        emb.lookup(random_params(), ids)


@pytest.mark.parametrize(
    "ids",
    [
        2**32 + 1,
        np.int64(2**32 + 1),
        np.array([3, 2**32 + 1]),
        np.array([3, -(2**32) + 1]),
        np.array([3, 2**64 - 1], np.uint64),
    ],
)
def test_lookup_refuses_ids_that_would_wrap_around(emb, ids):
    with pytest.raises(ValueError, match=r"Id -?\d+ does not fit in 32 bits"):
        emb.lookup(random_params(), ids)
    with pytest.raises(ValueError, match="does not fit"):
        ant.FullEmbedding(3, 2).lookup(ant.FullParams(np.ones((3, 2))), ids)


@pytest.mark.parametrize(
    ("dtype", "ids", "rows"),
    [
        (np.int64, [3, -1, 2**32 + 3, -(2**32) - 1, -301], [3, 299, None, None, None]),
        (np.uint64, [3, 2**32 + 3, 2**64 - 1], [3, None, None]),
        (np.uint32, [3, 2**32 - 1], [3, None]),
        (np.int8, [3, -1, -128, 127], [3, 299, 172, 127]),
        (np.uint8, [3, 255], [3, 255]),
    ],
)
def test_lookup_of_ids_at_the_limits_of_their_type(dtype, ids, rows):
    emb, params = ant.FullEmbedding(300, 1), ant.FullParams(jnp.arange(300.0)[:, None])
    expected = [np.nan if row is None else row for row in rows]
    for lookup in (emb.lookup, jax.jit(emb.lookup)):
        with jax.enable_x64(True):
            found = lookup(params, np.array(ids, dtype))
        assert np.array_equal(found[:, 0], np.float32(expected), equal_nan=True)


def test_ids_outside_the_vocabulary_behave_as_in_flax(emb):
    from flax import linen as nn

    params = random_params()
    ids = jnp.array([V - 1, V, V + 100, -1, -V, -V - 1])
    table = {"params": {"embedding": emb.matrix(params)}}
    theirs = nn.Embed(V, D).apply(table, ids)
    ours = emb.lookup(params, ids)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert np.isnan(ours[1:3]).all()


@pytest.mark.parametrize(
    ("dtype", "param_dtype", "result"),
    [
        (None, jnp.float32, jnp.float32),
        (None, jnp.bfloat16, jnp.bfloat16),
        (jnp.bfloat16, jnp.float32, jnp.bfloat16),
        (jnp.float16, jnp.float32, jnp.float16),
        (jnp.float32, jnp.bfloat16, jnp.float32),
        ("float16", "bfloat16", jnp.float16),
    ],
)
def test_dtypes_of_results(dtype, param_dtype, result):
    emb = ant.AnchorEmbedding(V, D, K, dtype=dtype, param_dtype=param_dtype)
    h = jnp.ones((2, D), param_dtype)

    @jax.jit
    def run():
        params = emb.init(jax.random.key(0))
        found = emb.lookup(params, np.arange(3)), emb.matrix(params)
        return params.transform, *found, emb.attend(params, h)

    transform, *found = run()
    assert transform.dtype == param_dtype
    assert [x.dtype for x in found] == [result] * 3


def test_half_precision_is_summed_in_float32_and_rounded_once():
    emb = ant.AnchorEmbedding(V, D, 200, param_dtype=jnp.bfloat16)
    params = random_params(num_anchors=200, dtype=jnp.bfloat16)
    ids = np.arange(V)
    expected = ordered_loop(params, ids).astype(jnp.bfloat16)
    assert np.array_equal(emb.lookup(params, ids), expected)


def test_float64_under_x64():
    with jax.enable_x64(True):
        emb = ant.AnchorEmbedding(V, D, 40, param_dtype=jnp.float64)
        params = random_params(num_anchors=40, dtype=jnp.float64)
        anchors, transform = map(np.asarray, params)
        total = np.zeros((V, D))
        for weight, anchor in zip(transform.T, anchors, strict=True):
            total = total + weight[:, None] * anchor
        found = emb.lookup(params, np.arange(V))
        assert found.dtype == jnp.float64
        assert np.array_equal(found, total)


def test_negative_zeros_of_the_transform_add_nothing(emb):
    params = random_params()
    negative = jnp.where(params.transform == 0, -0.0, params.transform)
    ids = np.arange(V)
    found = np.asarray(emb.lookup(params._replace(transform=negative), ids))
    expected = np.asarray(emb.lookup(params, ids))
    assert found.tobytes() == expected.tobytes()
    assert not np.signbit(found[found == 0]).any()


def test_gradients_agree_with_finite_differences_to_second_order(emb):
    ids = jnp.array([[0, 3], [3, 10]])
    target = np.random.default_rng(2).normal(size=(2, 2, D)).astype(np.float32)

    def loss(params):
        params = jax.tree.map(jnp.asarray, params)
        return jnp.sum((emb.lookup(params, ids) - target) ** 2)

    check_grads(
        jax.jit(loss), (random_params(),), order=2, atol=0.05, rtol=0.05, eps=1e-2
    )


def test_gradient_equals_that_of_the_dense_table(emb):
    params = random_params()
    ids = jnp.array([1, 1, 5])
    weights = jnp.arange(3.0)[:, None]

    def ours(params):
        return jnp.sum(weights * jnp.sin(emb.lookup(params, ids)))

    def dense(params):
        return jnp.sum(weights * jnp.sin((params.transform @ params.anchors)[ids]))

    gradient = jax.jit(jax.grad(ours))(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        gradient,
        jax.jit(jax.grad(dense))(params),
    )
    untouched = np.delete(gradient.transform, [1, 5], axis=0)
    assert not untouched.any()


def test_forward_mode_agrees_with_reverse_mode(emb):
    params = random_params()
    lookup = functools.partial(emb.lookup, ids=jnp.array([2, 7]))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
        jax.jit(jax.jacfwd(lookup))(params),
        jax.jit(jax.jacrev(lookup))(params),
    )


def test_vmap_over_ids_equals_a_batch(emb):
    params = random_params()
    ids = jnp.arange(10).reshape(2, 5)
    found = jax.vmap(emb.lookup, (None, 0))(params, ids)
    assert np.array_equal(found, ordered_loop(params, np.asarray(ids)))


def test_vmap_over_params_equals_a_loop(emb):
    several = [random_params(seed=seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    ids = jnp.array([0, 9])
    found = jax.jit(jax.vmap(emb.lookup, (0, None)))(stacked, ids)
    for one, params in zip(found, several, strict=True):
        assert np.array_equal(one, ordered_loop(params, np.asarray(ids)))


# With few queries it is cheaper through the anchors, with many through the table.
@pytest.mark.parametrize("queries", [(), (1,), (2, 3), (500,)])
@pytest.mark.parametrize("num_anchors", [1, 3, 40])
def test_attend_equals_the_dense_product(queries, num_anchors):
    emb = ant.AnchorEmbedding(V, D, num_anchors)
    params = random_params(num_anchors=num_anchors)
    h = np.random.default_rng(3).normal(size=(*queries, D)).astype(np.float32)
    dense = np.asarray(params.transform, np.float64) @ np.asarray(params.anchors)
    found = jax.jit(emb.attend)(params, h)
    assert found.shape == (*queries, V)
    np.testing.assert_allclose(found, h @ dense.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("queries", "shape"), [(1, (1, K)), (1000, (1000, D))])
def test_attend_takes_the_cheaper_order(emb, queries, shape):
    """Through the anchors for one query; for many, past a table made once."""
    h = jnp.ones((queries, D))
    text = str(jax.make_jaxpr(emb.attend)(random_params(), h))
    products = [line for line in text.splitlines() if "dot_general" in line]
    made_table = any(f"f32[{V},{D}] = dot_general" in line for line in products)
    assert len(products) == 2
    assert made_table == (shape[1] == D)


def test_matrix_is_what_lookup_reads(emb):
    params = random_params()
    np.testing.assert_allclose(
        emb.matrix(params), emb.lookup(params, np.arange(V)), rtol=1e-6
    )


def test_num_params_counts_non_zeros(emb):
    params = random_params()
    expected = K * D + int((np.asarray(params.transform) != 0).sum())
    assert K * D < expected < K * D + V * K
    found = emb.num_params(params)
    assert found == expected
    assert type(found) is int


def test_descriptions_are_values():
    one, same = (ant.AnchorEmbedding(V, D, K) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    others = [
        ant.AnchorEmbedding(V + 1, D, K),
        ant.AnchorEmbedding(V, D, K, dtype=jnp.bfloat16),
        ant.FullEmbedding(V, D),
    ]
    assert all(a != b for a, b in itertools.combinations([one, *others], 2))
    with pytest.raises(AttributeError):
        one.features = 3


def test_an_equal_description_does_not_compile_again():
    traced = []

    @functools.partial(jax.jit, static_argnums=0)
    def lookup(emb, params, ids):
        traced.append(emb)
        return emb.lookup(params, ids)

    for _ in range(2):
        lookup(ant.AnchorEmbedding(V, D, K), random_params(), jnp.arange(3))
    assert len(traced) == 1


@pytest.mark.parametrize("name", ["num_embeddings", "features", "num_anchors"])
@pytest.mark.parametrize("size", [0, -1, True])
def test_sizes_must_be_positive_integers(name, size):
    sizes = {"num_embeddings": V, "features": D, "num_anchors": K} | {name: size}
    with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
        ant.AnchorEmbedding(**sizes)


# Every example compiles.
@settings(max_examples=settings().max_examples // 4)
@given(
    vocab=st.integers(1, 20),
    features=st.integers(1, 20),
    num_anchors=st.integers(1, 20),
    shape=st.lists(st.integers(0, 4), max_size=3),
    seed=st.integers(0, 2**31),
)
def test_lookup_of_any_shape_equals_a_scalar_loop(
    users_compiler, vocab, features, num_anchors, shape, seed
):
    emb = ant.AnchorEmbedding(vocab, features, num_anchors)
    params = random_params(vocab, features, num_anchors, seed)
    ids = np.random.default_rng(seed).integers(0, vocab, shape)
    lookup = jax.jit(emb.lookup, compiler_options=users_compiler)
    assert np.array_equal(lookup(params, ids), ordered_loop(params, ids))
