"""Both `AnchorEmbed` modules against the functions, each other and Flax's `Embed`."""

import inspect

import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant

V, D, K = 11, 4, 3
IDS = np.array([[0, 3], [3, 10]])
DTYPES = [
    (None, jnp.float32),
    (None, jnp.bfloat16),
    (jnp.bfloat16, jnp.float32),
    (jnp.float32, jnp.bfloat16),
]


@pytest.fixture
def params() -> ant.AnchorParams:
    rng = np.random.default_rng(0)
    transform = np.abs(rng.normal(size=(V, K))) * (rng.random((V, K)) < 0.5)
    return ant.AnchorParams(
        anchors=jnp.asarray(rng.normal(size=(K, D)), jnp.float32),
        transform=jnp.asarray(transform, jnp.float32),
    )


def linen(params, **kwargs):
    layer = ant.linen.AnchorEmbed(V, D, K, **kwargs)
    return layer.bind({"params": params._asdict()})


def nnx(params, **kwargs):
    layer = ant.nnx.AnchorEmbed(V, D, K, rngs=flax.nnx.Rngs(0), **kwargs)
    layer.anchors[...], layer.transform[...] = params
    return layer


BOTH = pytest.mark.parametrize("make", [linen, nnx])


def same(a, b) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@BOTH
@pytest.mark.parametrize(("dtype", "param_dtype"), DTYPES)
def test_values_are_those_of_the_functions(make, params, dtype, param_dtype):
    params = jax.tree.map(lambda p: p.astype(param_dtype), params)
    emb = ant.AnchorEmbedding(V, D, K, dtype, param_dtype)
    layer = make(params, dtype=dtype, param_dtype=param_dtype)
    query = jnp.ones((2, 3, D), param_dtype)
    assert layer.description == emb
    assert same(layer(IDS), emb.lookup(params, IDS))
    assert same(layer.attend(query), emb.attend(params, query))


@pytest.mark.parametrize(("dtype", "param_dtype"), DTYPES)
def test_gradients_are_those_of_the_functions(params, dtype, param_dtype):
    params = jax.tree.map(lambda p: p.astype(param_dtype), params)
    emb = ant.AnchorEmbedding(V, D, K, dtype, param_dtype)
    kwargs = {"dtype": dtype, "param_dtype": param_dtype}

    def loss(vectors):
        return jnp.sum(jnp.sin(vectors))

    def of_functions(params):
        return loss(emb.lookup(params, IDS))

    def of_linen(variables):
        return loss(ant.linen.AnchorEmbed(V, D, K, **kwargs).apply(variables, IDS))

    def of_nnx(layer):
        return loss(layer(IDS))

    expected = jax.grad(of_functions)(params)
    assert expected.transform.dtype == param_dtype
    by_linen = jax.grad(of_linen)({"params": params._asdict()})["params"]
    by_nnx = flax.nnx.grad(of_nnx)(nnx(params, **kwargs))
    for name, gradient in expected._asdict().items():
        assert same(by_linen[name], gradient)
        assert same(by_nnx[name][...], gradient)


def test_half_precision_gradients_of_a_repeated_id_are_summed_unrounded(params):
    """In bfloat16 256 + 1 = 256: a sum of 1000 ones kept in it would stop there."""
    layer = nnx(params, dtype=jnp.bfloat16)
    layer.anchors[...] = jnp.ones((K, D))
    ids = jnp.zeros(1000, jnp.int32)
    gradient = flax.nnx.grad(lambda layer: layer(ids)[:, 0].sum())(layer)
    assert gradient["transform"][0, 0] == 1000


def test_init_is_that_of_the_functions():
    layer = ant.nnx.AnchorEmbed(V, D, K, rngs=flax.nnx.Rngs(0))
    expected = layer.description.init(flax.nnx.Rngs(0).params())
    assert all(map(same, layer.params, expected))


def test_parameters_of_linen():
    layer = ant.linen.AnchorEmbed(V, D, K, param_dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), IDS)
    assert jax.tree.map(jnp.shape, variables) == {
        "params": {"anchors": (K, D), "transform": (V, K)}
    }
    assert all(p.dtype == jnp.bfloat16 for p in jax.tree.leaves(variables))
    assert all((p >= 0).all() for p in jax.tree.leaves(variables))


def test_initializers_are_called():
    kwargs = {
        "anchors_init": jax.nn.initializers.constant(2.0),
        "transform_init": jax.nn.initializers.ones,
    }
    by_nnx = ant.nnx.AnchorEmbed(V, D, K, rngs=flax.nnx.Rngs(0), **kwargs)
    by_linen = ant.linen.AnchorEmbed(V, D, K, **kwargs)
    out, _ = by_linen.init_with_output(jax.random.key(0), IDS)
    assert (by_nnx(IDS) == 2 * K).all()
    assert (out == 2 * K).all()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ant.linen.AnchorEmbed, flax.linen.Embed),
        (ant.nnx.AnchorEmbed, flax.nnx.Embed),
        (ant.linen.AnchorEmbed.__call__, flax.linen.Embed.__call__),
        (ant.nnx.AnchorEmbed.__call__, flax.nnx.Embed.__call__),
        (ant.linen.AnchorEmbed.attend, flax.linen.Embed.attend),
        (ant.nnx.AnchorEmbed.attend, flax.nnx.Embed.attend),
    ],
)
def test_arguments_of_embed_are_taken(ours, theirs):
    ours, theirs = (inspect.signature(f).parameters for f in (ours, theirs))
    missing = set(theirs) - set(ours)
    assert missing <= {"embedding_init", "embedding_metadata"}
    for name in set(theirs) & set(ours):
        assert ours[name].kind == theirs[name].kind, name


@BOTH
@pytest.mark.parametrize("ids", [np.array([1.0]), np.array([True])])
def test_ids_that_are_not_integers_are_refused(make, params, ids):
    with pytest.raises(ValueError, match="must be an integer or unsigned integer"):
        make(params)(ids)


def test_promote_dtype_of_linen_is_called(params):
    calls = []

    def promote(*args, dtype=None, inexact=True):
        calls.append(([a.shape for a in args], dtype, inexact))
        return [a.astype(jnp.float16) for a in args]

    layer = linen(params, dtype=jnp.float32, promote_dtype=promote)
    assert layer(IDS).dtype == jnp.float16
    assert layer.attend(jnp.ones((5, D))).dtype == jnp.float16
    assert calls == [
        ([(2, 2, K), (K, D)], jnp.float32, False),
        ([(5, D), (K, D), (V, K)], jnp.float32, True),
    ]


def test_promote_dtype_of_nnx_is_called(params):
    calls = []

    def promote(args, /, *, dtype=None, inexact=True):
        calls.append(([a.shape for a in args], dtype, inexact))
        return tuple(a.astype(jnp.float16) for a in args)

    layer = nnx(params, dtype=jnp.float32, promote_dtype=promote)
    assert layer(IDS).dtype == jnp.float16
    assert layer.attend(jnp.ones((5, D))).dtype == jnp.float16
    assert calls == [
        ([(2, 2, K), (K, D)], jnp.float32, False),
        ([(5, D), (K, D), (V, K)], jnp.float32, True),
    ]


def test_filters_tell_the_transform_of_nnx(params):
    layer = nnx(params)
    only = flax.nnx.state(layer, ant.nnx.Transform)
    rest = flax.nnx.state(layer, flax.nnx.Not(ant.nnx.Transform))
    assert list(only) == ["transform"]
    assert list(rest) == ["anchors"]
    assert set(flax.nnx.state(layer, flax.nnx.Param)) == {"anchors", "transform"}


def test_labels_tell_the_transform(params):
    tree = {"embed": params._asdict(), "dense": {"kernel": jnp.ones(1)}}
    assert ant.param_labels(tree) == {
        "embed": {"anchors": "other", "transform": "transform"},
        "dense": {"kernel": "other"},
    }
    state = flax.nnx.state(nnx(params))
    labels = jax.tree.leaves_with_path(ant.param_labels(state))
    found = {str(path): label for path, label in labels}
    assert sorted(found.values()) == ["other", "transform"]
    assert all(
        ("transform" in path) == (label != "other")
        for path, label in labels
        for path in [str(path)]
    )


def test_sharding_metadata_of_nnx_reaches_the_arrays():
    mesh = jax.make_mesh((8,), ("model",), (jax.sharding.AxisType.Auto,))
    with jax.set_mesh(mesh):
        layer = ant.nnx.AnchorEmbed(
            16,
            D,
            K,
            rngs=flax.nnx.Rngs(0),
            anchors_metadata={"out_sharding": (None, None)},
            transform_metadata={"out_sharding": ("model", None)},
        )
        out = layer(jnp.arange(16))
    assert layer.transform.get_metadata("out_sharding") == ("model", None)
    assert layer.transform[...].sharding.spec == jax.P("model", None)
    alone = ant.nnx.AnchorEmbed(16, D, K, rngs=flax.nnx.Rngs(0))
    np.testing.assert_array_equal(out, alone(np.arange(16)))


def test_sharding_metadata_of_linen():
    mesh = jax.make_mesh((8,), ("model",), (jax.sharding.AxisType.Auto,))
    init = flax.linen.with_partitioning(jax.nn.initializers.ones, ("model", None))
    layer = ant.linen.AnchorEmbed(16, D, K, transform_init=init)
    variables = layer.init(jax.random.key(0), IDS)
    specs = flax.linen.get_partition_spec(variables)["params"]
    assert specs == {"anchors": jax.P(), "transform": jax.P("model", None)}
    boxed = jax.device_put(
        flax.linen.unbox(variables), flax.linen.get_sharding(variables, mesh)
    )
    expected = layer.apply(flax.linen.unbox(variables), IDS)
    assert same(jax.jit(layer.apply)(boxed, IDS), expected)


def test_out_sharding_of_nnx_in_explicit_mode(params):
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Explicit,))
    ids, query = np.arange(8), np.ones((8, D), np.float32)
    layer = nnx(params)
    vectors, logits = layer(ids), layer.attend(jnp.asarray(query))
    with jax.set_mesh(mesh):
        layer = nnx(params)
        sharded = jax.device_put(jnp.asarray(ids), jax.P("data"))
        found = layer(sharded, out_sharding=jax.P("data", None))
        assert found.sharding.spec == jax.P("data", None)
        assert same(found, vectors)
        query = jax.device_put(jnp.asarray(query), jax.P("data", None))
        found = layer.attend(query, out_sharding=jax.P("data", None))
        assert found.sharding.spec == jax.P("data", None)
        np.testing.assert_allclose(found, logits, rtol=1e-6)


@BOTH
def test_what_is_shipped_is_what_was_trained(make, params, tmp_path):
    layer = make(params)
    emb = layer.description
    if make is nnx:
        trained = layer.params
    else:
        trained = ant.AnchorParams(**layer.variables["params"])
    ant.compact.save(tmp_path / "table", emb, trained)
    assert same(ant.compact.load(tmp_path / "table").lookup(IDS), layer(IDS))


def test_nnx_layer_splits_and_merges(params):
    """The description is static, so a second equal layer does not compile again."""
    traced = []

    @flax.nnx.jit
    def call(layer, ids):
        traced.append(ids)
        return layer(ids)

    assert same(call(nnx(params), IDS), call(nnx(params), IDS))
    assert len(traced) == 1
    graph, state = flax.nnx.split(nnx(params))
    assert hash(graph) == hash(flax.nnx.split(nnx(params))[0])
    assert same(flax.nnx.merge(graph, state)(IDS), nnx(params)(IDS))
