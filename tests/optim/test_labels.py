"""What counts as a transform."""

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

import ant_jax as ant
from ant_jax.embeddings import SparseEmbedding, SparseParams


def test_transforms_are_labelled_wherever_they_are():
    emb = ant.AnchorEmbedding(5, 2, 3)
    params = {"tables": [emb.init(jax.random.key(0))], "bias": jnp.zeros(())}
    labels = ant.param_labels(params)
    assert labels["tables"][0] == ant.AnchorParams("other", "transform")
    assert labels["bias"] == "other"


def test_sparse_tables_are_labelled():
    params = {"words": SparseEmbedding(5, 2).init(jax.random.key(0))}
    assert ant.param_labels(params) == {"words": SparseParams("transform")}


def test_a_parameter_of_that_name_alone_is_left_as_it_is():
    table = ant.AnchorEmbedding(5, 2, 3).init(jax.random.key(0))
    params = {"stn": {"transform": -jnp.eye(2)}, "embed": table._asdict()}
    assert ant.param_labels(params)["stn"] == {"transform": "other"}
    tx = optax.multi_transform(
        {"transform": ant.proximal_sgd(0.1), "other": optax.sgd(0.1)}, ant.param_labels
    )
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = tx.update(zeros, tx.init(params), params)
    assert not updates["stn"]["transform"].any()  # a prox would clamp it to zero


def test_nnx_states_are_labelled():
    class Model(nnx.Module):
        def __init__(self):
            self.embed = ant.nnx.AnchorEmbed(5, 2, 3, rngs=nnx.Rngs(0))
            self.transform = nnx.Param(jnp.ones((2, 2)))

    labels = ant.param_labels(nnx.state(Model(), nnx.Param))
    assert jax.tree.leaves(labels) == ["other", "transform", "other"]


def test_a_tree_without_a_table_is_refused():
    with pytest.raises(ValueError, match="Found no sparse table"):
        ant.param_labels({"kernel": jnp.ones(2)})
