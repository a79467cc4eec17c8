"""An NNX language model of the structure of Flax's example `gemma`, made small.

The embedding is a subclass that scales by sqrt(d), stands at both ends, and lies on a
mesh of two axes in JAX's explicit mode, as everything else does. Two lines differ from
the model with a plain embedding: the base class and the optimizer.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax import P

import ant_jax as ant

V, K, D, HEADS, LENGTH = 32, 8, 16, 2, 8
HEAD = D // HEADS
ACTIVATIONS, HIDDEN = P("fsdp", None, "tp"), P("fsdp", None, "tp")
BY_HEAD = P("fsdp", None, "tp", None)


def sharded(*axes):
    return {"out_sharding": P(*axes)}


def scaled(base):
    """A layer whose vectors are as long as those of the layers after it."""

    class ScaledEmbed(base):
        def __call__(self, inputs, out_sharding=None):
            return super().__call__(inputs, out_sharding) * jnp.sqrt(1.0 * D)

        @property
        def embed_dim(self):
            return self.features

    return ScaledEmbed


def plain_embed(rngs):
    metadata = sharded("tp", "fsdp")
    return scaled(nnx.Embed)(V, D, rngs=rngs, embedding_metadata=metadata)


def small_embed(rngs):
    return scaled(ant.nnx.AnchorEmbed)(
        V,
        D,
        K,
        anchors_init=jax.nn.initializers.normal(D**-0.5),
        transform_init=ant.embeddings.half_normal(K**-0.5),
        anchors_metadata=sharded(None, "fsdp"),
        transform_metadata=sharded("tp", None),
        rngs=rngs,
    )


class RMSNorm(nnx.Module):
    def __init__(self):
        self.scale = nnx.Param(jnp.zeros(D), **sharded("tp"))

    def __call__(self, x):
        return (
            x
            * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)
            * (1 + self.scale[...])
        )


def rotate(x, positions):
    """Rotary positions of x, (batch, length, heads, features)."""
    rates = 10_000.0 ** -jnp.linspace(0, 1, HEAD // 2)
    angles = positions[:, None, None] * rates
    sin, cos = jnp.sin(angles), jnp.cos(angles)
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate(
        [first * cos - second * sin, second * cos + first * sin], axis=-1
    )


class Attention(nnx.Module):
    def __init__(self, rngs):
        einsum = functools.partial(nnx.Einsum, kernel_metadata=sharded("tp"), rngs=rngs)
        inwards, shape = "BTD,NDH->BTNH", (HEADS, D, HEAD)
        self.qkv = nnx.List([einsum(inwards, shape) for _ in range(3)])
        self.out = einsum("BTNH,NHD->BTD", (HEADS, HEAD, D))

    def __call__(self, x, positions):
        query, key, value = (part(x, out_sharding=BY_HEAD) for part in self.qkv)
        query, key = rotate(query, positions), rotate(key, positions)
        scores = jnp.einsum("BTNH,BSNH->BTNS", query, key) * HEAD**-0.5
        seen = positions[:, None] >= positions[None, :]
        shares = jax.nn.softmax(jnp.where(seen[:, None], scores, -1e30), axis=-1)
        mixed = jnp.einsum("BTNS,BSNH->BTNH", shares, value)
        return self.out(mixed, out_sharding=ACTIVATIONS)


class FeedForward(nnx.Module):
    def __init__(self, rngs):
        linear = functools.partial(nnx.Linear, use_bias=False, rngs=rngs)
        self.gate = linear(D, 2 * D, kernel_metadata=sharded("fsdp", "tp"))
        self.up = linear(D, 2 * D, kernel_metadata=sharded("fsdp", "tp"))
        self.down = linear(2 * D, D, kernel_metadata=sharded("tp", "fsdp"))

    def __call__(self, x):
        gate = nnx.gelu(self.gate(x, out_sharding=HIDDEN))
        hidden = gate * self.up(x, out_sharding=HIDDEN)
        return self.down(hidden, out_sharding=ACTIVATIONS)


class Block(nnx.Module):
    def __init__(self, rngs):
        self.before_attention, self.before_feed_forward = RMSNorm(), RMSNorm()
        self.attention, self.feed_forward = Attention(rngs), FeedForward(rngs)

    def __call__(self, x, positions):
        x = x + self.attention(self.before_attention(x), positions)
        return x + self.feed_forward(self.before_feed_forward(x))


class Transformer(nnx.Module):
    def __init__(self, embedder, *, num_layers=1, softcap=30.0, rngs):
        self.embedder = embedder
        self.layers = nnx.List([Block(rngs) for _ in range(num_layers)])
        self.final_norm = RMSNorm()
        self.softcap = softcap

    def __call__(self, tokens):
        positions = jnp.arange(tokens.shape[1])
        x = self.embedder(tokens, out_sharding=ACTIVATIONS)
        for layer in self.layers:
            x = layer(x, positions)
        logits = self.embedder.attend(self.final_norm(x), out_sharding=ACTIVATIONS)
        return jnp.tanh(logits / self.softcap) * self.softcap


def loss_of(model, tokens):
    logits = jax.nn.log_softmax(model(tokens[:, :-1]), axis=-1)
    wanted = tokens[:, 1:, None] == jnp.arange(V)
    return -jnp.mean(jnp.sum(logits * wanted, axis=-1))


@nnx.jit
def train_step(model, optimizer, tokens):
    loss, gradients = nnx.value_and_grad(loss_of)(model, tokens)
    optimizer.update(model, gradients)
    return loss


@pytest.fixture
def on_a_mesh():
    mesh = jax.make_mesh((2, 2), ("fsdp", "tp"), (jax.sharding.AxisType.Explicit,) * 2)
    standard = jax.numpy_dtype_promotion("standard")
    with jax.set_mesh(mesh), standard, jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.usefixtures("on_a_mesh")
def test_it_is_the_same_model():
    for make in (plain_embed, small_embed):
        model = nnx.eval_shape(
            lambda make=make: Transformer(make(nnx.Rngs(0)), rngs=nnx.Rngs(1))
        )
        tokens = jax.ShapeDtypeStruct((4, LENGTH), jnp.int32)
        logits = nnx.eval_shape(lambda model, tokens: model(tokens), model, tokens)
        assert logits.shape == (4, LENGTH, V)
        assert model.embedder.embed_dim == D


@pytest.mark.usefixtures("on_a_mesh")
def test_it_trains_is_sparse_and_is_shipped(tmp_path):
    rngs = nnx.Rngs(0)
    model = Transformer(small_embed(rngs), rngs=rngs)
    assert model.embedder.transform[...].sharding.spec == P("tp", None)
    tx = ant.with_proximal(optax.adamw(2e-2), ant.proximal_adam(2e-2, l1=2e-3))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

    # Counting upwards from a random token.
    first = np.random.default_rng(0).integers(0, V, (16, 1))
    tokens = jax.device_put((first + np.arange(LENGTH + 1)) % V, P("fsdp", None))
    losses = [float(train_step(model, optimizer, tokens)) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]

    layer = model.embedder
    transform = np.asarray(layer.transform[...])
    assert layer.transform[...].sharding.spec == P("tp", None)
    assert (transform >= 0).all()
    nonzeros = np.count_nonzero(transform)
    assert 0 < nonzeros < 0.9 * transform.size

    assert list(ant.params.find_tables(model)) == ["embedder"]
    (table,) = ant.sparsity(model).tables
    assert (table.rows, table.columns, table.nonzeros) == (V, K, nonzeros)
    sizes = ant.compact.save(tmp_path / "tokens.safetensors", model)
    assert table.num_bytes == sizes.total

    # What is shipped is the table; the factor sqrt(d) is the model's.
    rows = ant.compact.load(tmp_path / "tokens.safetensors").lookup(np.arange(V))
    params = jax.tree.map(np.asarray, layer.params)
    with jax.set_mesh(jax.make_mesh((1,), ("one",))):
        alone = ant.nnx.AnchorEmbed(V, D, K, rngs=nnx.Rngs(0))
        alone.params = params
        np.testing.assert_array_equal(rows, alone(np.arange(V)))
