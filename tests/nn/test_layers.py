"""What the layers share with Flax's: noise as in Dropout, dtypes as in Embed."""

import pickle

import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.nn.fields import check_description
from tests.nn.descriptions import D, V

IDS = np.array([[0, 3], [3, 6]])
CLUSTERS = embeddings.ClusterAdjustmentEmbedding(V, D, 3, 1)
QUANTIZED = embeddings.ProductQuantizedEmbedding(V, D, 2, 3)


def equal(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


class Model(flax.nnx.Module):
    def __init__(self, rngs):
        self.embed = ant.nnx.Embed(CLUSTERS, rngs=rngs)
        self.dropout = flax.nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, ids):
        return self.dropout(self.embed(ids))


def test_a_model_turns_noise_on_and_off_with_dropout():
    model = Model(flax.nnx.Rngs(0))
    assert not equal(model.embed(IDS), model.embed(IDS))
    quiet = flax.nnx.view(model, deterministic=True)
    expected = CLUSTERS.lookup(model.embed.params, IDS)
    assert equal(quiet(IDS), expected)
    model.eval()
    assert equal(model(IDS), expected)
    assert not equal(model.embed(IDS, deterministic=False), expected)
    model.train()
    assert not equal(model.embed(IDS), expected)


def test_noise_of_nnx_comes_from_its_stream_or_from_the_call():
    rngs = flax.nnx.Rngs(params=0)
    layer = ant.nnx.Embed(CLUSTERS, rngs=rngs, rng_collection="gumbel")
    with pytest.raises(
        ValueError, match=r"no rngs for it: make the layer.*gumbel=\.\."
    ):
        layer(IDS)
    key = jax.random.key(3)
    expected = CLUSTERS.lookup(layer.params, IDS, key=key)
    assert equal(layer(IDS, rngs=key), expected)
    streams = flax.nnx.Rngs(gumbel=3), flax.nnx.Rngs(gumbel=3).gumbel
    drawn = [layer(IDS, rngs=stream) for stream in streams]
    assert equal(*drawn)
    silent = ant.nnx.Embed(CLUSTERS, rngs=rngs, deterministic=None)
    with pytest.raises(ValueError, match="Say whether ClusterAdjustmentEmbedding"):
        silent(IDS)
    assert equal(silent(IDS, deterministic=True), CLUSTERS.lookup(silent.params, IDS))


def test_further_arguments_reach_the_lookup():
    key, hot = jax.random.key(3), {"temperature": 0.01}
    layer = ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(0))
    expected = CLUSTERS.lookup(layer.params, IDS, key=key, **hot)
    assert equal(layer(IDS, rngs=key, **hot), expected)
    assert not equal(layer(IDS, rngs=key), expected)
    linen = ant.linen.Embed(CLUSTERS, deterministic=False)
    variables = linen.init(jax.random.key(0), IDS)
    expected = CLUSTERS.lookup(linen.params_of(variables), IDS, key=key, **hot)
    assert equal(linen.apply(variables, IDS, rng=key, **hot), expected)


def test_noise_of_linen_comes_from_rngs():
    layer = ant.linen.Embed(CLUSTERS, deterministic=False)
    # As for Dropout, the stream of parameters does where there is no other.
    variables = layer.init(jax.random.key(0), IDS)
    rngs = [{"noise": jax.random.key(i)} for i in (1, 1, 2)]
    one, again, other = (layer.apply(variables, IDS, rngs=r) for r in rngs)
    assert equal(one, again)
    assert not equal(one, other)
    either = ant.linen.Embed(CLUSTERS)
    with pytest.raises(ValueError, match="deterministic"):
        either.apply(variables, IDS)
    hard = either.apply(variables, IDS, deterministic=True)
    assert equal(hard, CLUSTERS.lookup(layer.params_of(variables), IDS))


@pytest.mark.parametrize("argument", [{"deterministic": True}, {"rng": None}])
def test_nothing_is_ignored_where_there_is_no_noise(argument):
    key = jax.random.key(0)
    given = {name: key if value is None else value for name, value in argument.items()}
    full = embeddings.FullEmbedding(V, D)
    for description in (full, embeddings.AnchorEmbedding(V, D, 2)):
        with pytest.raises(ValueError, match="Embedding draws no noise"):
            ant.linen.Embed(description).init(key, IDS, **given)
        layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(0))
        renamed = {"rngs" if n == "rng" else n: v for n, v in given.items()}
        with pytest.raises(ValueError, match="Embedding draws no noise"):
            layer(IDS, **renamed)
    with pytest.raises(ValueError, match="draws no noise"):
        ant.linen.Embed(full, deterministic=True).init(key, IDS)
    with pytest.raises(TypeError, match="temperature"):
        ant.nnx.AnchorEmbed(V, D, 2, rngs=flax.nnx.Rngs(0))(IDS, temperature=1.0)
    with pytest.raises(TypeError, match="temperature"):
        ant.linen.AnchorEmbed(V, D, 2).init(key, IDS, temperature=1.0)


def test_what_is_no_description_is_refused():
    for wrong, name in (
        (5, "int"),
        (embeddings.AnchorEmbedding, "the class AnchorEmb"),
    ):
        with pytest.raises(ValueError, match=f"must be a description.*got {name}"):
            check_description(wrong)
        with pytest.raises(ValueError, match=f"must be a description.*got {name}"):
            ant.nnx.Embed(wrong, rngs=flax.nnx.Rngs(0))
        with pytest.raises(ValueError, match=f"must be a description.*got {name}"):
            ant.linen.Embed(wrong).init(jax.random.key(0), IDS)
    with pytest.raises(TypeError, match="rngs"):
        ant.nnx.Embed(CLUSTERS)


def test_parameters_are_set_and_their_shapes_checked():
    layer = ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(0), deterministic=True)
    doubled = jax.tree.map(lambda p: 2 * np.asarray(p), layer.params)
    before = layer(IDS)
    layer.params = doubled
    assert equal(layer(IDS), 2 * before)
    assert isinstance(layer.clusters.logits, flax.nnx.Param)
    assert isinstance(layer.adjustment[...], jax.Array)

    wide = doubled._replace(adjustment=jnp.ones((V, 2)))
    with pytest.raises(ValueError, match=r"'adjustment' has the shape \(7, 2\), but"):
        layer.params = wide
    with pytest.raises(ValueError, match="are ClusterAdjustmentParams, got dict"):
        layer.params = doubled._asdict()
    with pytest.raises(ValueError, match="do not have the fields of this layer"):
        layer.params = doubled._replace(adjustment=None)
    assert equal(layer(IDS), 2 * before)


def test_parameters_of_linen_variables():
    layer = ant.linen.Embed(CLUSTERS, deterministic=True)
    variables = layer.init(jax.random.key(0), IDS)
    assert jax.tree.map(jnp.shape, variables) == {
        "params": {
            "clusters": {"logits": (V, 3), "embedding": (3, D - 1)},
            "adjustment": (V, 1),
        }
    }
    params = layer.params_of(variables)
    assert equal(params.adjustment, layer.params_of(variables["params"]).adjustment)
    with pytest.raises(ValueError, match=r"no 'clusters\.logits' .* only 'adjustment'"):
        layer.params_of({"adjustment": params.adjustment})
    wide = {**variables["params"], "adjustment": jnp.ones((V, 2))}
    with pytest.raises(ValueError, match=r"'adjustment' has the shape \(7, 2\)"):
        layer.params_of(wide)


def test_boxes_of_nested_parameters_are_kept():
    init = flax.linen.with_partitioning(jax.nn.initializers.ones, ("model", None))
    description = embeddings.ClusterAdjustmentEmbedding(V, D, 3, 1, logits_init=init)
    layer = ant.linen.Embed(description, deterministic=True)
    variables = layer.init(jax.random.key(0), IDS)
    specs = flax.linen.get_partition_spec(variables)["params"]
    assert specs["clusters"] == {"logits": jax.P("model", None), "embedding": jax.P()}
    assert equal(layer.params_of(variables).clusters.logits, np.ones((V, 3)))
    vectors = layer.apply(variables, IDS)
    assert equal(vectors, layer.apply(flax.linen.unbox(variables), IDS))


def test_codes_of_linen_are_a_collection_of_their_own():
    layer = ant.linen.Embed(QUANTIZED)
    variables = layer.init(jax.random.key(0), IDS)
    assert jax.tree.map(jnp.shape, variables) == {
        "params": {"codebooks": (2, 3, 2)},
        "codes": {"codes": (V, 2)},
    }
    with pytest.raises(ValueError, match="lack the collection 'codes'"):
        layer.apply({"params": variables["params"]}, IDS)
    both = {**variables["params"], **variables["codes"]}
    assert equal(layer.params_of(both).codes, variables["codes"]["codes"])


def test_metadata_reaches_the_variables():
    metadata = {"clusters.logits": {"out_sharding": ("model", None)}}
    mesh = jax.make_mesh((1,), ("model",), (jax.sharding.AxisType.Auto,))
    with jax.set_mesh(mesh):
        layer = ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(0), metadata=metadata)
    spec = flax.nnx.get_partition_spec(flax.nnx.state(layer, flax.nnx.Param))
    assert spec["clusters"]["logits"].get_value() == jax.P("model", None)
    with pytest.raises(
        ValueError, match="metadata for 'logits', but the variables are"
    ):
        ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(0), metadata={"logits": {}})


def test_noise_in_explicit_mode():
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Explicit,))
    layer = ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(0))
    ids, key = jnp.arange(8) % V, jax.random.key(3)
    expected = layer(ids, rngs=key, temperature=0.5)
    with jax.set_mesh(mesh):
        ids, key = jax.device_put(ids, jax.P("data")), jax.device_put(key, jax.P())
        found = layer(ids, jax.P("data", None), rngs=key, temperature=0.5)
        assert found.sharding.spec == jax.P("data", None)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


DTYPES = [(None, jnp.float32), (None, jnp.bfloat16), (jnp.bfloat16, jnp.float32)]


@pytest.mark.parametrize(("dtype", "param_dtype"), DTYPES)
@pytest.mark.parametrize("query_dtype", [jnp.float32, jnp.bfloat16])
def test_dtypes_are_those_of_flax(dtype, param_dtype, query_dtype):
    kwargs = {"dtype": dtype, "param_dtype": param_dtype}
    query, key = jnp.ones((2, D), query_dtype), jax.random.key(0)
    full = embeddings.FullEmbedding(V, D, **kwargs)

    def of_nnx(layer):
        return (
            layer.dtype,
            layer.param_dtype,
            layer(IDS).dtype,
            layer.attend(query).dtype,
        )

    rngs = flax.nnx.Rngs(0)
    theirs = of_nnx(flax.nnx.Embed(V, D, rngs=rngs, **kwargs))
    assert of_nnx(ant.nnx.AnchorEmbed(V, D, 3, rngs=rngs, **kwargs)) == theirs
    assert of_nnx(ant.nnx.Embed(full, rngs=rngs)) == theirs

    def of_linen(layer):
        def call(layer):
            return layer(IDS), layer.attend(query)

        found, _ = jax.eval_shape(lambda: layer.init_with_output(key, method=call))
        return [x.dtype for x in found]

    # Strict promotion, which the tests turn on, is not for what Flax promotes.
    with jax.numpy_dtype_promotion("standard"):
        theirs = of_linen(flax.linen.Embed(V, D, **kwargs))
        assert of_linen(ant.linen.AnchorEmbed(V, D, 3, **kwargs)) == theirs
        assert of_linen(ant.linen.Embed(full)) == theirs


def test_subclasses_keep_their_properties():
    class Scaled(ant.nnx.AnchorEmbed):
        @property
        def embed_dim(self):
            return self.features

        def __call__(self, inputs, out_sharding=None):
            return super().__call__(inputs, out_sharding) * 2

    layer = Scaled(V, D, 3, rngs=flax.nnx.Rngs(0))
    assert layer.embed_dim == D
    assert equal(layer(IDS), 2 * layer.description.lookup(layer.params, IDS))


def test_layers_are_pickled():
    ones = jax.nn.initializers.ones
    layer = ant.nnx.Embed(
        embeddings.AnchorMixtureEmbedding(
            V, D, (2, 1), anchors_init=ones, transform_init=ones
        ),
        rngs=flax.nnx.Rngs(0),
    )
    again = pickle.loads(pickle.dumps(layer))
    assert again.description == layer.description
    assert equal(again(IDS), layer(IDS))
    assert isinstance(again.parts[1].mixture_transform, ant.nnx.MixtureTransform)


def test_equal_layers_do_not_compile_again():
    traced = []

    @flax.nnx.jit
    def call(layer, ids):
        traced.append(ids)
        return layer(ids, deterministic=True)

    for seed in (0, 1):
        call(ant.nnx.Embed(CLUSTERS, rngs=flax.nnx.Rngs(seed)), IDS)
    assert len(traced) == 1
