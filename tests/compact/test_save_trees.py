"""`save` of layers, modules, states and variables: the files of their tables."""

import os
import subprocess
import sys

import flax.linen
import flax.nnx
import flax.training.train_state
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.compact import writer
from ant_jax.embeddings import AnchorParams, SparseParams
from tests.nn.descriptions import D, V, every_description

IDS = np.arange(V)
NAMES = [f"object {v}" for v in range(V)]


class Linen(flax.linen.Module):
    def setup(self):
        self.users = ant.linen.AnchorEmbed(V, D, 3)
        self.items = ant.linen.Embed(embeddings.AnchorMixtureEmbedding(V, D, (2, 1)))
        self.dense = flax.linen.Dense(1)

    def __call__(self, ids):
        return self.dense(self.users(ids) + self.items(ids))


class NNX(flax.nnx.Module):
    def __init__(self, rngs):
        self.users = ant.nnx.AnchorEmbed(V, D, 3, rngs=rngs)
        self.layers = flax.nnx.List(
            [ant.nnx.Embed(embeddings.HashEmbedding(V, D, 3), rngs=rngs)]
        )
        self.shared = self.users
        self.dense = flax.nnx.Linear(D, 1, rngs=rngs)
        # A table of the user's own making.
        self.anchors = flax.nnx.Param(jnp.ones((2, D)))
        self.transform = flax.nnx.Param(jnp.eye(V, 2))


def table(seed=0):
    return embeddings.AnchorEmbedding(V, D, 3).init(jax.random.key(seed))


def rows_of(path):
    return ant.compact.load(path).lookup(IDS)


@pytest.mark.parametrize(
    "description", every_description().values(), ids=list(every_description())
)
def test_a_layer_of_any_method(description, tmp_path):
    layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(0))
    sizes = ant.compact.save(tmp_path / "table", layer, vocab=NAMES)
    loaded = ant.compact.load(tmp_path / "table")
    assert sizes.total == loaded.sizes.total
    assert sizes.num_params == description.num_params(layer.params)
    assert list(loaded.vocab) == NAMES
    rows = description.matrix(layer.params)
    np.testing.assert_allclose(loaded.lookup(IDS), rows, rtol=1e-5, atol=1e-6)


def test_every_form_of_a_model_with_one_table(tmp_path):
    params, emb = table(), embeddings.AnchorEmbedding(V, D, 3)
    expected = ant.compact.save(tmp_path / "expected", emb, params)
    content = (tmp_path / "expected").read_bytes()
    layer = ant.nnx.AnchorEmbed(V, D, 3, rngs=flax.nnx.Rngs(0))
    layer.params = params
    linen = ant.linen.AnchorEmbed(V, D, 3)
    variables = {"params": {"embed": params._asdict(), "bias": jnp.ones(3)}}
    state = flax.training.train_state.TrainState.create(
        apply_fn=None, params=variables["params"], tx=optax.adam(0.1)
    )
    for tree in (
        layer,
        flax.nnx.state(layer),
        flax.nnx.to_pure_dict(flax.nnx.state(layer)),
        variables,
        variables["params"],
        {"params": {"embed/anchors": params.anchors, "embed/transform": params[1]}},
        state,
        {"some": [params, 1.0]},
        params,
        linen.bind({"params": params._asdict()}),
        (flax.nnx.Dict(layer=layer), 3),
    ):
        sizes = ant.compact.save(tmp_path / "found", tree)
        assert sizes == expected
        assert (tmp_path / "found").read_bytes() == content


def test_several_tables_of_a_linen_model(tmp_path):
    model = Linen()
    variables = model.init(jax.random.key(0), IDS)
    folder = tmp_path / "tables"
    vocab = {"params.users": NAMES}
    sizes = ant.compact.save(folder, variables, vocab=vocab)
    assert set(sizes) == {"params.users", "params.items"}
    assert {path.name for path in folder.iterdir()} == {
        "params.users.safetensors",
        "params.items.safetensors",
    }
    bound = model.bind(variables)
    users = ant.compact.load(folder / "params.users.safetensors")
    assert list(users.vocab) == NAMES
    assert sizes["params.users"] == users.sizes
    np.testing.assert_array_equal(users.lookup(IDS), bound.users(IDS))
    items = ant.compact.load(folder / "params.items.safetensors")
    assert items.vocab is None
    np.testing.assert_allclose(items.lookup(IDS), bound.items(IDS), rtol=1e-6)


def test_several_tables_of_an_nnx_model(tmp_path):
    model = NNX(flax.nnx.Rngs(0))
    sizes = ant.compact.save(tmp_path, model)
    # The hash embedding is in no state that lacks the layer; what two names share is
    # written once.
    (shared,) = sizes.keys() & {"users", "shared"}
    assert set(sizes) == {"", "layers.0", shared}
    rows = rows_of(tmp_path / f"{shared}.safetensors")
    np.testing.assert_array_equal(rows, model.users(IDS))
    rows = rows_of(tmp_path / "layers.0.safetensors")
    np.testing.assert_array_equal(rows, model.layers[0](IDS))
    expected = np.zeros((V, D))
    expected[:2] = 1
    np.testing.assert_array_equal(rows_of(tmp_path / "table.safetensors"), expected)
    assert set(ant.compact.save(tmp_path, flax.nnx.state(model))) == {"", shared}


def test_what_a_layer_is_trained_with_is_shrunk(tmp_path):
    description = embeddings.VariationalVocabularyEmbedding(V, D)
    layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(0))
    layer.params = layer.params._replace(
        log_alpha=jnp.where(jnp.arange(V)[:, None] < 2, -3.0, 9.0)
    )
    sizes = ant.compact.save(tmp_path / "table", layer)
    assert sizes.num_params == 3 * D
    assert (rows_of(tmp_path / "table")[2:] == 0).all()


def test_a_layer_in_place_of_its_parameters(tmp_path):
    layer = ant.nnx.AnchorEmbed(V, D, 3, rngs=flax.nnx.Rngs(0))
    forgotten = ant.compact.save(tmp_path / "a", layer.description, layer)
    meant = ant.compact.save(tmp_path / "b", layer.description, layer.params)
    assert forgotten == meant
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_missing_or_too_much_is_said(tmp_path):
    path = tmp_path / "table.safetensors"
    path.write_text("before")
    layer = ant.nnx.AnchorEmbed(V, D, 3, rngs=flax.nnx.Rngs(0))
    linen = ant.linen.AnchorEmbed(V, D, 3)
    two = {"users": table(), "items": SparseParams(jnp.eye(V, D))}
    broken = {**two, "items": SparseParams(jnp.full((V, D), jnp.nan))}
    emb = layer.description
    for arguments, message in [
        ((emb,), "AnchorEmbedding only describes a table: pass its parameters"),
        ((layer, NAMES), "AnchorEmbed has parameters of its own"),
        ((emb, linen), "AnchorEmbed of Linen holds no parameters unless it is bound"),
        ((emb, layer.params._asdict()), "params must be .*got dict"),
        ((linen,), "AnchorEmbed of Linen holds no parameters unless"),
        (({"dense": {"transform": jnp.ones((2, 2))}},), "no sparse table"),
        ((two,), "There are 2 tables, 'items', 'users': pass the path of a folder"),
        ((broken,), "2 tables"),
    ]:
        with pytest.raises(ValueError, match=message):
            ant.compact.save(path, *arguments)
        assert path.read_text() == "before"
    with pytest.raises(ValueError, match="vocab must map these names"):
        ant.compact.save(tmp_path, two, vocab=NAMES)
    with pytest.raises(ValueError, match="names for 'user', but the tables are"):
        ant.compact.save(tmp_path, two, vocab={"user": NAMES})


def test_what_stood_there_survives_an_error(tmp_path, monkeypatch):
    two = {"users": table(), "items": SparseParams(jnp.eye(V, D))}
    folder = tmp_path / "tables"
    ant.compact.save(folder, two)
    (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    broken = {**two, "users": AnchorParams(jnp.full((3, D), jnp.nan), table()[1])}
    with pytest.raises(ValueError, match="Table 'users': anchors holds NaN"):
        ant.compact.save(folder, broken)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(ValueError, match="Table 'users'"):
        ant.compact.save(tmp_path / "new", broken)
    assert not (tmp_path / "new").exists()

    calls = []

    def fails_at_the_second(path, data):
        calls.append(path)
        if len(calls) == 2:
            raise OSError("disk full")
        path.write_bytes(data)

    monkeypatch.setattr(writer, "write_atomically", fails_at_the_second)
    changed = {**two, "items": SparseParams(2 * jnp.eye(V, D))}
    with pytest.raises(OSError, match="disk full"):
        ant.compact.save(folder, changed)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    calls.clear()
    with pytest.raises(OSError, match="disk full"):
        ant.compact.save(tmp_path / "new", two)
    assert not (tmp_path / "new").exists()


def test_trees_do_not_cost_the_reader_anything():
    program = (
        "import sys, ant_jax.compact, ant_jax.compact.writer\n"
        "assert not {'jax', 'flax', 'ant_jax.params'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)


def test_nnx_is_not_imported_for_it(tmp_path):
    program = (
        "import sys, jax.numpy as jnp\n"
        "from ant_jax import AnchorParams, compact\n"
        "params = {'a': AnchorParams(jnp.ones((2, 3)), jnp.eye(4, 2))}\n"
        f"compact.save({str(tmp_path / 'table')!r}, params)\n"
        "assert 'ant_jax.nn.nnx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)
