"""`Embed` of NNX and of Linen over every description, against its own functions."""

import inspect

import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.embeddings.base import takes_noise
from tests.nn.descriptions import D, V, every_description

IDS = np.array([[0, 3], [3, 6]])
# Another generator than that of the first parameters, since it compiles faster.
KEY = jax.random.key(1, impl="rbg")
EVERY = every_description()
EACH = pytest.mark.parametrize("description", EVERY.values(), ids=list(EVERY))
NOISY = {
    "ClusterEmbedding",
    "ClusterAdjustmentEmbedding",
    "MixedClusterEmbedding",
    "SparseVariationalEmbedding",
    "SparseVariationalVocabularyEmbedding",
    "VariationalVocabularyEmbedding",
}
INTEGERS = {"ProductQuantizedEmbedding"}


@pytest.fixture(autouse=True, scope="module")
def fast_compilation():
    """Each program here runs once or twice."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def test_no_description_is_left_out():
    found = {
        name
        for name, value in vars(embeddings).items()
        if inspect.isclass(value) and hasattr(value, "method")
    }
    assert set(EVERY) == found
    assert {name for name, emb in EVERY.items() if takes_noise(emb)} == NOISY


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_trees(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    assert all(map(same, jax.tree.leaves(a), jax.tree.leaves(b)))


def tables_of(tree):
    """Arrays of each table, by its name; none if there are none."""
    try:
        return ant.params.find_tables(tree)
    except ValueError:
        return {}


def assert_the_same_tables(tree, params, description):
    """The tables of a Flax tree are those of the named tuples."""
    ours, theirs = tables_of(params), tables_of(tree)
    assert ours.keys() == theirs.keys()
    for name, table in ours.items():
        assert table.kind == theirs[name].kind
        assert table.anchors is None or same(table.anchors, theirs[name].anchors)
        assert same(table.entries, theirs[name].entries)
    assert bool(ours) == isinstance(
        description,
        embeddings.AnchorEmbedding
        | embeddings.AnchorMixtureEmbedding
        | embeddings.SparseEmbedding,
    )
    if ours:
        labels = [ant.param_labels(x) for x in (tree, params)]
        counts = [sorted(jax.tree.leaves(x)).count("transform") for x in labels]
        assert counts == [len(ours), len(ours)]


def optimizer_of(params):
    if tables_of(params):
        return ant.with_proximal(optax.sgd(0.1), ant.proximal_sgd(0.1, l1=0.1))
    return optax.sgd(0.1)


def assert_trained(before, after):
    """Every array has moved, but for integers."""
    for (path, old), new in zip(
        jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True
    ):
        assert np.isfinite(new).all()
        assert same(old, new) != jnp.issubdtype(old.dtype, jnp.inexact), path


def assert_as_the_functions(results):
    """What the layer gave, and the description's functions, compiled together."""
    for name, (ours, theirs) in results.items():
        assert same(ours, theirs), name


@EACH
def test_nnx(description):
    noisy = type(description).__name__ in NOISY
    layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(params=0, noise=KEY))
    params = layer.params
    same_trees(params, description.init(flax.nnx.Rngs(0).params()))
    assert (layer.num_embeddings, layer.features, layer.dtype) == (V, D, jnp.float32)

    @flax.nnx.jit
    def call(layer, params, query):
        layer.eval()
        results = {
            "lookup": (layer(IDS), description.lookup(params, IDS)),
            "attend": (layer.attend(query), description.attend(params, query)),
        }
        if noisy:
            noise = layer(IDS, deterministic=False, rngs=KEY)
            results["noise"] = noise, description.lookup(params, IDS, key=KEY)
        return results

    results = call(layer, params, jnp.ones((2, D)))
    assert_as_the_functions(results)
    assert getattr(layer, "deterministic", None) == (True if noisy else None)

    state = flax.nnx.state(layer, flax.nnx.Not(flax.nnx.RngState))
    assert_the_same_tables(state, params, description)
    assert_the_same_tables(layer, params, description)
    assert_the_same_tables(flax.nnx.as_pure(state), params, description)
    only = flax.nnx.state(layer, ant.nnx.Transform)
    assert len(jax.tree.leaves(only)) == len(tables_of(params))
    codes = flax.nnx.state(layer, ant.nnx.Codes)
    assert bool(jax.tree.leaves(codes)) == (type(description).__name__ in INTEGERS)

    layer.train()
    optimizer = flax.nnx.Optimizer(layer, optimizer_of(params), wrt=flax.nnx.Param)

    @flax.nnx.jit
    def step(layer, optimizer, ids):
        gradients = flax.nnx.grad(lambda layer: jnp.sum(layer(ids) ** 3))(layer)
        optimizer.update(layer, gradients)

    step(layer, optimizer, np.arange(V))
    trained = layer.params
    assert_trained(params, trained)

    layer.params = params
    same_trees(layer.params, params)
    graph, state = flax.nnx.split(layer)
    same_trees(flax.nnx.merge(graph, state).params, params)


@EACH
def test_linen(description):
    noisy = type(description).__name__ in NOISY
    layer = ant.linen.Embed(description)
    off = {"deterministic": True} if noisy else {}
    variables = layer.init(jax.random.key(0), method=lambda layer: layer.params)
    integers = type(description).__name__ in INTEGERS
    assert set(variables) == {"params", "codes"} if integers else {"params"}
    params = layer.params_of(variables)
    expected = jax.eval_shape(description.init, KEY)
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    for ours, theirs in zip(
        jax.tree.leaves(params), jax.tree.leaves(expected), strict=True
    ):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    bound = layer.bind(variables)
    same_trees(bound.params, params)

    @jax.jit
    def call(variables, params, query):
        bound = layer.bind(variables)
        results = {
            "lookup": (bound(IDS, **off), description.lookup(params, IDS)),
            "attend": (bound.attend(query), description.attend(params, query)),
        }
        if noisy:
            noise = bound(IDS, deterministic=False, rng=KEY)
            results["noise"] = noise, description.lookup(params, IDS, key=KEY)
        return results

    assert_as_the_functions(call(variables, params, jnp.ones((2, D))))

    tables = [f"params.{name}" if name else "params" for name in tables_of(params)]
    assert list(tables_of(variables)) == tables
    assert_the_same_tables(variables["params"], params, description)

    if noisy:
        with pytest.raises(flax.errors.InvalidRngError, match="noise"):
            layer.apply(variables, IDS, deterministic=False)
    tx = optimizer_of(params)
    noise = {"deterministic": False, "rngs": {"noise": KEY}} if noisy else {}

    @jax.jit
    def step(variables, ids):
        def loss(params):
            return jnp.sum(
                layer.apply({**variables, "params": params}, ids, **noise) ** 3
            )

        trained = variables["params"]
        updates, _ = tx.update(jax.grad(loss)(trained), tx.init(trained), trained)
        return {**variables, "params": optax.apply_updates(trained, updates)}

    assert_trained(params, layer.params_of(step(variables, np.arange(V))))
