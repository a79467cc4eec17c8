"""A model written with plain `Embed`, and the lines that make it small.

The lines that change are marked; nothing else differs between the two columns.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import ant_jax as ant

V, D, K, STEPS = 50, 8, 4, 80


def optimizer():
    return ant.with_proximal(ant.yogi(3e-2), ant.proximal_yogi(3e-2, l1=1e-3))


class PlainLinen(nn.Module):
    @nn.compact
    def __call__(self, ids):
        embed = nn.Embed(num_embeddings=V, features=D, name="embed")
        return nn.Dense(1)(nn.relu(nn.Dense(8)(embed(ids))))[..., 0]


class SmallLinen(nn.Module):
    @nn.compact
    def __call__(self, ids):
        embed = ant.linen.AnchorEmbed(  # was: nn.Embed(
            num_embeddings=V, features=D, num_anchors=K, name="embed"
        )
        return nn.Dense(1)(nn.relu(nn.Dense(8)(embed(ids))))[..., 0]


class PlainNNX(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(num_embeddings=V, features=D, rngs=rngs)
        self.hidden = nnx.Linear(D, 8, rngs=rngs)
        self.out = nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, ids):
        return self.out(nnx.relu(self.hidden(self.embed(ids))))[..., 0]


class SmallNNX(PlainNNX):
    def __init__(self, rngs):
        super().__init__(rngs)
        self.embed = ant.nnx.AnchorEmbed(  # was: nnx.Embed(
            num_embeddings=V, features=D, num_anchors=K, rngs=rngs
        )


@pytest.fixture(scope="module")
def batch():
    """Every object has a score, which depends on one of two hidden groups."""
    ids = jnp.arange(V)
    return ids, jnp.where(ids % 2 == 0, 1.0, -1.0)


def train_linen(model, tx, batch):
    ids, scores = batch
    params = model.init(jax.random.key(0), ids)["params"]

    @jax.jit
    def step(params, state):
        def loss(params):
            return jnp.mean((model.apply({"params": params}, ids) - scores) ** 2)

        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = tx.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    state, losses = tx.init(params), []
    for _ in range(STEPS):
        params, state, value = step(params, state)
        losses.append(float(value))
    return params, losses


def train_nnx(model, tx, batch):
    ids, scores = batch
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        def loss(model):
            return jnp.mean((model(ids) - scores) ** 2)

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    return [float(step(model, optimizer)) for _ in range(STEPS)]


def assert_learned_a_sparse_transform(params, losses):
    transform = np.asarray(params.transform)
    assert losses[-1] < 0.01 * losses[0]
    assert (transform >= 0).all()
    zeros = (transform == 0).mean()
    assert 0.1 < zeros < 1
    assert (np.asarray(params.anchors) != 0).all()


def test_linen(batch, tmp_path):
    _, plain = train_linen(PlainLinen(), optax.sgd(0.1), batch)
    assert plain[-1] < plain[0]
    trained, losses = train_linen(SmallLinen(), optimizer(), batch)
    params = ant.AnchorParams(**trained["embed"])
    assert_learned_a_sparse_transform(params, losses)

    emb = ant.AnchorEmbedding(num_embeddings=V, features=D, num_anchors=K)
    ant.compact.save(tmp_path / "table", emb, params)
    ids, _ = batch
    shipped = ant.compact.load(tmp_path / "table").lookup(np.asarray(ids))
    layer = ant.linen.AnchorEmbed(V, D, K)
    assert np.array_equal(shipped, layer.apply({"params": trained["embed"]}, ids))


def test_nnx(batch, tmp_path):
    plain = train_nnx(PlainNNX(nnx.Rngs(0)), optax.sgd(0.1), batch)
    assert plain[-1] < plain[0]
    model = SmallNNX(nnx.Rngs(0))
    losses = train_nnx(model, optimizer(), batch)
    assert_learned_a_sparse_transform(model.embed.params, losses)

    ant.compact.save(tmp_path / "table", model.embed.description, model.embed.params)
    ids, _ = batch
    shipped = ant.compact.load(tmp_path / "table").lookup(np.asarray(ids))
    assert np.array_equal(shipped, model.embed(ids))
