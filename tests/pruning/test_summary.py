"""`sparsity` against counts in NumPy, and against the files that are shipped."""

import dataclasses

import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax import embeddings
from ant_jax.embeddings import AnchorParams, SparseParams
from ant_jax.pruning import Sparsity, TableSparsity

V, D = 40, 6


@pytest.fixture
def params():
    draw = np.random.default_rng(0)
    transform = draw.random((V, 3)) * (draw.random((V, 3)) < 0.2)
    table = draw.normal(size=(V, D)) * (draw.random((V, D)) < 0.1)
    return {
        "users": AnchorParams(
            jnp.asarray(draw.normal(size=(3, D)), jnp.float32),
            jnp.asarray(transform, jnp.float32),
        ),
        "words": SparseParams(jnp.asarray(table, jnp.float32)),
        "bias": jnp.ones(3),
    }


def test_counts_and_bytes(params, tmp_path):
    found = ant.sparsity(params)
    assert isinstance(found, Sparsity)
    assert [table.name for table in found.tables] == ["users", "words"]
    sizes = ant.compact.save(tmp_path, params)
    for name, entries, anchors in (
        ("users", params["users"].transform, 3 * D),
        ("words", params["words"].embedding, 0),
    ):
        table, entries = found[name], np.asarray(entries)
        assert (table.rows, table.columns) == entries.shape
        assert table.nonzeros == (entries != 0).sum()
        assert table.empty_rows == sum(not row.any() for row in entries)
        assert table.num_params == anchors + table.nonzeros
        assert table.num_bytes == (tmp_path / f"{name}.safetensors").stat().st_size
        assert table.num_bytes == sizes[name].total
        assert table.dense_bytes == 4 * V * D
        assert table.density == table.nonzeros / entries.size
    for name in ("nonzeros", "empty_rows", "num_params", "num_bytes", "dense_bytes"):
        assert getattr(found, name) == sum(getattr(t, name) for t in found.tables)
    assert found.density == found.nonzeros / (V * 3 + V * D)


def test_names_of_objects_are_not_counted(params, tmp_path):
    one = params["users"]
    names = [f"a long name {v}" for v in range(V)]
    with_names = ant.compact.save(tmp_path / "named", one, vocab=names).total
    without = ant.compact.save(tmp_path / "table", one).total
    assert ant.sparsity(one).num_bytes == without < with_names


def test_every_form_of_a_model(params):
    expected = ant.sparsity(params["users"]).tables[0]
    layer = ant.nnx.AnchorEmbed(V, D, 3, rngs=flax.nnx.Rngs(0))
    layer.params = params["users"]
    for tree, name in [
        (layer, ""),
        (flax.nnx.state(layer), ""),
        ({"params": {"embed": params["users"]._asdict()}}, "params.embed"),
        (flax.nnx.Dict(embed=layer), "embed"),
    ]:
        (found,) = ant.sparsity(tree).tables
        assert found == dataclasses.replace(expected, name=name)


def test_a_mixture_is_one_table():
    description = embeddings.AnchorMixtureEmbedding(V, D, (3, 2))
    layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(0))
    first, second = layer.params.parts
    layer.params = layer.params._replace(
        parts=(first._replace(transform=first.transform.at[2:].set(0)), second)
    )
    second_empty = second.transform.at[:4].set(0)
    layer.parts[1].mixture_transform[...] = second_empty
    for tree in (layer, flax.nnx.state(layer), layer.params):
        (found,) = ant.sparsity(tree).tables
        assert (found.name, found.rows, found.columns) == ("", V, 5)
        assert found.nonzeros == 2 * 3 + (V - 4) * 2
        assert found.empty_rows == 2
        assert found.num_params == 5 * D + found.nonzeros


def test_layers_without_zeros_are_left_out():
    rngs = flax.nnx.Rngs(0)
    clusters = ant.nnx.Embed(embeddings.ClusterEmbedding(V, D, 3), rngs=rngs)
    model = flax.nnx.Dict(
        clusters=clusters, embed=ant.nnx.AnchorEmbed(V, D, 3, rngs=rngs)
    )
    assert [table.name for table in ant.sparsity(model).tables] == ["embed"]
    with pytest.raises(ValueError, match=r"no sparse table .*clusters"):
        ant.sparsity(flax.nnx.Dict(clusters=clusters))


def test_dropped_entries_of_variational_layers_are_zeros():
    description = embeddings.SparseVariationalEmbedding(V, D)
    layer = ant.nnx.Embed(description, rngs=flax.nnx.Rngs(0))
    variance = layer.params.log_variance
    layer.params = layer.params._replace(
        log_variance=jnp.where(jnp.arange(V)[:, None] < 3, variance, 20.0)
    )
    (found,) = ant.sparsity(layer).tables
    assert (found.columns, found.empty_rows) == (D, V - 3)
    assert found.nonzeros == description.num_params(layer.params)


def test_what_has_no_table_or_nothing_to_ship_is_refused(params):
    for tree in ({"dense": {"transform": jnp.ones((2, 2))}}, {}, jnp.ones(3)):
        with pytest.raises(ValueError, match="no sparse table"):
            ant.sparsity(tree)
    params["users"] = params["users"]._replace(anchors=jnp.full((3, D), jnp.inf))
    with pytest.raises(ValueError, match="Table 'users': anchors holds NaN"):
        ant.sparsity(params)


def test_it_prints_as_a_table(params):
    lines = str(ant.sparsity(params)).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[0] for line in lines] == ["table", "users", "words", "all"]
    assert lines[1].split()[1:3] == ["40", "3"]
    (head, line) = str(ant.sparsity(params["users"])).splitlines()
    assert head.split()[0] == "table"
    assert line.startswith("-")
    big = TableSparsity("big", 10**6, 3, 5, 0, 1234567, 2345678, 10**9)
    assert "1,234,567" in str(Sparsity((big,)))


def test_training_state_is_passed_over(params):
    """Its moments are shaped like tables and are none."""
    state = {"params": {"embed": params["users"]._asdict()}}
    state["opt_state"] = jax.tree.map(jnp.zeros_like, state["params"])
    assert [table.name for table in ant.sparsity(state).tables] == ["params.embed"]
