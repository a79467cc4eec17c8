"""What counts as a transform."""

import jax
import jax.numpy as jnp
from flax import nnx

import ant_jax as ant


def test_transforms_are_found_wherever_they_are():
    emb = ant.AnchorEmbedding(5, 2, 3)
    params = {"tables": [emb.init(jax.random.key(0))], "bias": jnp.zeros(())}
    labels = ant.param_labels(params)
    assert labels["tables"][0] == ant.AnchorParams("other", "transform")
    assert labels["bias"] == "other"


def test_a_module_named_transform_is_not_one():
    params = {"transform": {"kernel": jnp.ones(2)}, "dense": {"transform": jnp.ones(2)}}
    assert ant.param_labels(params) == {
        "transform": {"kernel": "other"},
        "dense": {"transform": "transform"},
    }


def test_nnx_states_are_labelled():
    class Model(nnx.Module):
        def __init__(self):
            self.transform = nnx.Param(jnp.ones((2, 2)))
            self.kernel = nnx.Param(jnp.ones(2))

    labels = ant.param_labels(nnx.state(Model(), nnx.Param))
    assert jax.tree.leaves(labels) == ["other", "transform"]


def test_a_bare_array_is_other():
    assert ant.param_labels(jnp.ones(2)) == "other"
