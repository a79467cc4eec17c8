"""Tables are found in every form of tree, and by no name alone."""

from typing import NamedTuple

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx, traverse_util
from flax.training.train_state import TrainState
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    SparseEmbedding,
    describe_tables,
)
from ant_jax.params import find_parts, find_tables, join_rows, map_tables, split_rows

V, D, K = 7, 3, 2


class Model(NamedTuple):
    users: ant.AnchorParams
    items: ant.FullParams
    bias: jax.Array


class Recommender(nnx.Module):
    def __init__(self, rngs):
        self.users = ant.nnx.AnchorEmbed(V, D, num_anchors=K, rngs=rngs)
        self.transform = nnx.Param(jnp.ones((D, D)))  # a layer of the user's own
        self.dense = nnx.Linear(D, 1, rngs=rngs)


@pytest.fixture(scope="module")
def table():
    return ant.AnchorEmbedding(V, D, K).init(jax.random.key(0))


@pytest.fixture(scope="module")
def model():
    return Recommender(nnx.Rngs(0))


def nested(table):
    embed = {"anchors": table.anchors, "transform": table.transform}
    return {"params": {"encoder": {"embed": embed}, "stn": {"transform": jnp.eye(2)}}}


def flattened(table, separator):
    return traverse_util.flatten_dict(nested(table), sep=separator)


@pytest.mark.parametrize("separator", ["/", ".", None])
def test_nested_and_flattened_dicts_hold_the_same_table(table, separator):
    tree = nested(table)
    name = "params.encoder.embed"
    assert list(find_tables(tree)) == [name]
    flat = flattened(table, separator)
    found = find_tables(flat)
    assert list(found) == [name]
    assert found[name].entries is table.transform
    assert found[name].anchors is table.anchors
    labels = traverse_util.flatten_dict(ant.param_labels(tree), sep=separator)
    assert ant.param_labels(flat) == labels


def test_modules_states_and_variables_hold_the_same_table(model):
    state = nnx.state(model)
    trees = {
        "module": model,
        "state": state,
        "parameters": nnx.state(model, nnx.Param),
        "dict": nnx.to_pure_dict(state),
    }
    for form, tree in trees.items():
        found = find_tables(tree)
        assert list(found) == ["users"], form
        np.testing.assert_array_equal(found["users"].entries, model.users.transform)
        np.testing.assert_array_equal(found["users"].anchors, model.users.anchors)


def test_a_state_of_transforms_alone_is_known_by_their_type(model):
    transforms, rest = nnx.state(model, ant.nnx.Transform, ...)
    assert find_tables(transforms)["users"].anchors is None
    with pytest.raises(ValueError, match="Found no sparse table"):
        find_tables(rest)


def test_a_neighbour_that_is_masked_or_left_out_is_still_one(table):
    for placeholder in (None, optax.MaskedNode()):
        tree = {"anchors": placeholder, "transform": table.transform}
        assert find_tables(tree)[""].entries is table.transform
        tree = {"anchors": table.anchors, "transform": placeholder}
        assert find_tables(tree)[""].anchors is table.anchors


@pytest.mark.parametrize(
    "tree",
    [
        {"transform": jnp.ones((V, K))},
        {"anchors": jnp.ones((K, 4))},  # boxes of a detector
        {"transform": {"kernel": jnp.ones((V, K))}, "a": {"anchors": jnp.ones((K, D))}},
        {},
        jnp.ones(3),
        None,
    ],
)
def test_no_name_alone_makes_a_table(tree):
    assert not find_parts(tree)
    with pytest.raises(ValueError, match="Found no sparse table"):
        find_tables(tree)


def test_the_error_says_where_it_looked():
    tree = {"a": {"kernel": jnp.ones(2)}} | {f"b{i}": jnp.ones(2) for i in range(20)}
    with pytest.raises(ValueError, match=r"a\.kernel.*and 13 more"):
        find_tables(tree)


def test_moments_in_a_train_state_are_no_tables(table):
    params = {"embed": table._asdict()}
    state = TrainState.create(apply_fn=lambda: None, params=params, tx=optax.adam(1e-3))
    assert list(find_tables(state)) == ["params.embed"]


def test_two_tables_of_one_name_are_refused(table):
    tree = {"a.b": table, "a": {"b": table}}
    with pytest.raises(ValueError, match=r"Two tables .* called 'a.b'"):
        find_tables(tree)


def test_tables_are_described_as_they_were_made(table):
    mixture = AnchorMixtureEmbedding(V, D, (2, 3)).init(jax.random.key(1))
    sparse = SparseEmbedding(V, D).init(jax.random.key(2))
    tree = {"a": table, "m": mixture, "s": sparse, "bias": jnp.ones(2)}
    described = describe_tables(tree)
    assert set(described) == {"a", "m", "s"}
    assert described["a"][0].num_anchors == K
    assert described["m"][0].num_anchors == (2, 3)
    for name, (emb, params) in described.items():
        assert emb.num_embeddings == V
        assert emb.features == D
        jax.tree.map(np.testing.assert_array_equal, params, tree[name])
    with pytest.raises(ValueError, match="'a' lacks its transform"):
        describe_tables({"a": table._replace(transform=None)})
    with pytest.raises(ValueError, match=r"'a' has entries .* of several models"):
        describe_tables({"a": jax.tree.map(lambda x: x[None], table)})


def test_rows_are_split_off_and_joined(table):
    params = Model(table, ant.FullParams(jnp.ones((5, D))), jnp.zeros(()))
    rows, rest = split_rows(params)
    assert {name: row.shape for name, row in rows.items()} == {
        "users": (V, K),
        "items": (5, D),
    }
    assert rest.users.transform is None
    assert rest.items.embedding is None
    jax.tree.map(np.testing.assert_array_equal, join_rows(rows, rest), params)
    rows, rest = split_rows(params, ["items"])
    assert list(rows) == ["items"]
    assert rest.users is not None


def test_any_array_is_split_off_by_its_path():
    params = {"embed": {"embedding": jnp.ones((4, 2))}, "none": None}
    rows, rest = split_rows(params, ["embed.embedding"])
    assert rest == {"embed": {"embedding": None}, "none": None}
    joined = join_rows(rows, rest)
    assert joined["embed"]["embedding"] is rows["embed.embedding"]
    assert joined["none"] is None
    with pytest.raises(ValueError, match="no table 'embedding' among"):
        split_rows(params, ["embedding"])
    with pytest.raises(ValueError, match="no table for lazy rows"):
        split_rows(params)


@hypothesis.given(
    st.recursive(
        st.sampled_from(["table", "leaf", "transform", "anchors"]),
        lambda inner: st.dictionaries(
            st.sampled_from(["a", "b", "transform", "anchors"]), inner, max_size=3
        ),
        max_leaves=8,
    )
)
def test_named_tuples_are_found_at_any_depth(shape):
    placed = []

    def build(node, path):
        if isinstance(node, dict):
            return {name: build(inner, [*path, name]) for name, inner in node.items()}
        if node == "table":
            placed.append(".".join(path))
            return ant.AnchorParams(np.ones((K, D)), np.ones((V, K)))
        return np.ones(2)

    tree = build(shape, [])
    typed = {
        part.table
        for path, part in find_parts(tree).items()
        if isinstance(path[-1], jax.tree_util.GetAttrKey)
    }
    assert typed == set(placed)
    doubled = map_tables(lambda part, leaf: 2 * leaf, tree)
    changed = jax.tree.map(lambda old, new: bool((old != new).any()), tree, doubled)
    parts = find_parts(tree)
    for path, moved in jax.tree_util.tree_leaves_with_path(changed):
        assert moved == (path in parts)
