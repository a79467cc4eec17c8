"""Masked tables against tables that are really small, in every kind of pytree."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import ant_jax as ant
from ant_jax.nonparametric import (
    mask_anchors,
    num_anchors,
    take_anchors,
)
from ant_jax.pruning import num_nonzeros

V, D, ROOM = 7, 3, 5


def table(seed=0):
    return ant.AnchorEmbedding(V, D, ROOM).init(jax.random.key(seed))


def two_tables():
    return {"users": table(0), "items": table(1), "bias": jnp.ones(V)}


def test_a_masked_table_is_the_small_one():
    params = table()
    for k in (2, ROOM):
        masked, small = mask_anchors(params, k), take_anchors(params, k)
        assert small.anchors.shape == (k, D)
        assert small.transform.shape == (V, k)
        np.testing.assert_array_equal(small.transform, params.transform[:, :k])
        np.testing.assert_array_equal(small.anchors, params.anchors[:k])
        np.testing.assert_array_equal(masked.transform[:, :k], small.transform)
        assert not masked.transform[:, k:].any()
        assert not masked.anchors[k:].any()
        large = ant.AnchorEmbedding(V, D, ROOM)
        emb = ant.AnchorEmbedding(V, D, k)
        np.testing.assert_allclose(
            large.matrix(masked), emb.matrix(small), rtol=1e-6, atol=1e-6
        )
        assert num_nonzeros(masked) == num_nonzeros(small) == V * k
        assert emb.num_params(small) == k * D + V * k


def test_what_is_masked_has_no_gradient():
    def loss(params, active):
        masked = mask_anchors(params, active)
        return jnp.sum(jnp.sin(masked.transform @ masked.anchors)) + jnp.sum(
            jnp.exp(masked.anchors)
        )

    gradient = jax.jit(jax.grad(loss))(table(), jnp.int32(2))
    assert not gradient.transform[:, 2:].any()
    assert not gradient.anchors[2:].any()
    assert gradient.transform[:, :2].all()
    assert gradient.anchors[:2].all()


def test_counts_by_name_leave_other_tables_whole():
    params = two_tables()
    assert num_anchors(params) == {"items": ROOM, "users": ROOM}
    masked = mask_anchors(params, {"users": 2})
    assert num_nonzeros(masked) == V * 2 + V * ROOM
    np.testing.assert_array_equal(masked["items"].anchors, params["items"].anchors)
    small = take_anchors(params, {"users": 2})
    assert num_anchors(small) == {"items": ROOM, "users": 2}
    np.testing.assert_array_equal(small["bias"], params["bias"])


def test_tables_of_flax_modules():
    class Model(nnx.Module):
        def __init__(self, rngs):
            self.embed = ant.nnx.AnchorEmbed(V, D, ROOM, rngs=rngs)
            self.out = nnx.Linear(D, 1, rngs=rngs)

    state = nnx.state(Model(nnx.Rngs(0)), nnx.Param)
    assert num_anchors(state) == {"embed": ROOM}
    assert take_anchors(state, 2)["embed"]["transform"][...].shape == (V, 2)
    masked = mask_anchors(state, {"embed": 2})["embed"]["transform"][...]
    assert not masked[:, 2:].any()

    class Linen(nn.Module):
        @nn.compact
        def __call__(self, ids):
            return ant.linen.AnchorEmbed(V, D, ROOM, name="embed")(ids)

    variables = Linen().init(jax.random.key(0), jnp.arange(3))
    assert num_anchors(variables) == {"params.embed": ROOM}
    masked = mask_anchors(variables, 1)["params"]["embed"]["anchors"]
    assert not masked[1:].any()


def test_a_new_count_compiles_nothing(caplog):
    masked = jax.jit(mask_anchors)
    params = table()
    masked(params, jnp.int32(1))
    with jax.log_compiles(), caplog.at_level("WARNING"):
        for k in range(1, ROOM + 1):
            masked(params, np.int32(k))
            take_anchors(params, k)
        assert "Compiling" not in caplog.text
        jax.jit(lambda x: x * 3)(1.0)
    assert "Compiling" in caplog.text


@pytest.mark.parametrize(
    ("active", "message"),
    [
        ({"films": 1}, r"no table 'films'.*\['items', 'users'\]"),
        ({"users": ROOM + 1}, "'users' has room for 5 anchors .* so 6 cannot"),
        ({"users": 0}, "so 0 cannot be active"),
        (9, "so 9 cannot be active"),
    ],
)
def test_counts_that_cannot_be_are_refused(active, message):
    with pytest.raises(ValueError, match=message):
        take_anchors(two_tables(), active)


def test_other_mistakes_are_refused():
    with pytest.raises(ValueError, match="no table 'films'"):
        mask_anchors(two_tables(), {"films": 1})
    broken = ant.AnchorParams(jnp.ones((3, 2)), jnp.ones((4, 5)))
    with pytest.raises(ValueError, match="anchors and transform of 3 and 5 anchors"):
        num_anchors({"users": broken})


@pytest.mark.parametrize("function", [mask_anchors, take_anchors])
def test_a_tree_without_anchors_is_refused(function):
    with pytest.raises(ValueError, match=r"Found no sparse table.*dense\.kernel"):
        function({"dense": {"kernel": jnp.ones((2, 2))}}, 1)
    words = ant.embeddings.SparseParams(jnp.ones((2, 2)))
    with pytest.raises(ValueError, match=r"No table .* has anchors; words have none"):
        function({"words": words}, 1)


def test_an_ensemble_is_masked_and_cut_as_its_models_are():
    models = [table(seed) for seed in (1, 2)]
    ensemble = {"t": jax.tree.map(lambda *x: jnp.stack(x), *models)}
    assert num_anchors(ensemble) == {"t": ROOM}
    for function in (mask_anchors, take_anchors):
        got = function(ensemble, 2)["t"]
        for index, model in enumerate(models):
            one = jax.tree.map(lambda x, i=index: x[i], got)
            jax.tree.map(np.testing.assert_array_equal, one, function(model, 2))
