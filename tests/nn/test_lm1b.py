"""A Linen language model of the structure of Flax's example `lm1b`, made small.

One embedding stands at both ends of a transformer decoder, initializers name logical
axes, and the train state is made in place on a mesh. Two lines differ from the model
with a plain embedding: the layer and the optimizer.
"""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training import train_state

import ant_jax as ant

RULES = (("vocab", "model"), ("mlp", "model"), ("embed", None), ("kv", None))


@dataclasses.dataclass(frozen=True)
class Config:
    vocab_size: int = 32
    num_anchors: int = 8
    features: int = 16
    num_heads: int = 2
    num_layers: int = 1
    mlp_features: int = 32
    length: int = 8


def logical(init, *axes):
    return nn.with_logical_partitioning(init, axes)


KERNEL = nn.initializers.xavier_uniform()
Norm = functools.partial(
    nn.LayerNorm,
    bias_init=logical(nn.initializers.zeros, "embed"),
    scale_init=logical(nn.initializers.ones, "embed"),
)


def plain_embed(config):
    init = logical(nn.initializers.normal(1.0), "vocab", "embed")
    return nn.Embed(config.vocab_size, config.features, embedding_init=init)


def small_embed(config):
    return ant.linen.AnchorEmbed(
        config.vocab_size,
        config.features,
        config.num_anchors,
        anchors_init=logical(nn.initializers.normal(1.0), None, "embed"),
        transform_init=logical(
            ant.embeddings.half_normal(config.num_anchors**-0.5), "vocab", None
        ),
    )


def sinusoids(length, features):
    """Positions that are not learned, (length, features)."""
    rates = 10_000.0 ** -np.linspace(0, 1, features // 2)
    angles = np.arange(length)[:, None] * rates
    return jnp.asarray(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))


class Block(nn.Module):
    config: Config

    @nn.compact
    def __call__(self, x, mask):
        config = self.config
        attended = nn.MultiHeadDotProductAttention(
            num_heads=config.num_heads,
            use_bias=False,
            kernel_init=logical(KERNEL, "embed", "kv"),
        )(Norm()(x), mask=mask)
        x = x + attended
        hidden = nn.Dense(
            config.mlp_features,
            kernel_init=logical(KERNEL, "embed", "mlp"),
            bias_init=logical(nn.initializers.normal(1e-6), "mlp"),
        )(Norm()(x))
        return x + nn.Dense(
            config.features,
            kernel_init=logical(KERNEL, "mlp", "embed"),
            bias_init=logical(nn.initializers.normal(1e-6), "embed"),
        )(nn.relu(hidden))


class Decoder(nn.Module):
    config: Config
    embed: nn.Module

    @nn.compact
    def __call__(self, tokens, mask):
        config = self.config
        # Each token is predicted from those before it.
        x = self.embed(jnp.pad(tokens, ((0, 0), (1, 0)))[:, :-1])
        x = x + sinusoids(*x.shape[1:])
        for i in range(config.num_layers):
            x = Block(config, name=f"block_{i}")(x, mask)
        # Vectors of unit length in each feature give logits of the order of sqrt(d).
        return self.embed.attend(Norm(name="norm")(x)) / np.sqrt(config.features)


class LanguageModel(nn.Module):
    config: Config
    make_embed: object

    def setup(self):
        self.embed = self.make_embed(self.config)
        self.decoder = Decoder(self.config, self.embed)

    def __call__(self, tokens):
        real = tokens > 0
        mask = nn.combine_masks(
            nn.make_attention_mask(real, real), nn.make_causal_mask(tokens)
        )
        return self.decoder(tokens, mask)


def make_state(model, tx, mesh, config):
    """The train state on a mesh, by the logical axes of its parameters."""

    def create(key):
        variables = model.init(key, jnp.ones((2, config.length), jnp.int32))
        return train_state.TrainState.create(
            apply_fn=model.apply, params=variables["params"], tx=tx
        )

    with jax.set_mesh(mesh), nn.logical_axis_rules(RULES):
        specs = nn.get_partition_spec(jax.eval_shape(create, jax.random.key(0)))
        shardings = nn.logical_to_mesh_sharding(specs, mesh, RULES)
        return nn.unbox(jax.jit(create, out_shardings=shardings)(jax.random.key(0)))


def loss_of(apply_fn, params, tokens):
    logits = apply_fn({"params": params}, tokens)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, tokens)
    weights = (tokens > 0).astype(jnp.float32)
    return jnp.sum(losses * weights) / jnp.sum(weights)


def sentences(config, count):
    """Counting upwards from a random token, with padding at the end of some."""
    draw = np.random.default_rng(0)
    first = draw.integers(0, config.vocab_size - 1, (count, 1))
    tokens = 1 + (first + np.arange(config.length)) % (config.vocab_size - 1)
    tokens[0, -3:] = 0
    return jnp.asarray(tokens, jnp.int32)


@pytest.fixture(autouse=True)
def as_users_run_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def test_it_is_the_same_model():
    config = Config()
    tokens = jax.eval_shape(lambda: sentences(config, 2))
    for make in (plain_embed, small_embed):
        model = LanguageModel(config, make)
        logits, variables = jax.eval_shape(
            model.init_with_output, jax.random.key(0), tokens
        )
        assert logits.shape == (2, config.length, config.vocab_size)
        assert set(variables["params"]) == {"embed", "decoder"}


def test_it_trains_is_sparse_and_is_shipped(tmp_path):
    config = Config()
    model = LanguageModel(config, small_embed)
    tx = ant.with_proximal(
        optax.adamw(2e-2, b1=0.9, b2=0.98, eps=1e-9, weight_decay=0.01),
        ant.proximal_adam(2e-2, l1=2e-3),
    )
    mesh = jax.make_mesh((2, 2), ("data", "model"), (jax.sharding.AxisType.Auto,) * 2)
    state = make_state(model, tx, mesh, config)
    transform = state.params["embed"]["transform"]
    assert transform.sharding.spec == jax.P("model", None)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, tokens):
        loss, gradients = jax.value_and_grad(loss_of, argnums=1)(
            state.apply_fn, state.params, tokens
        )
        return state.apply_gradients(grads=gradients), loss

    tokens = jax.device_put(
        sentences(config, 16), jax.NamedSharding(mesh, jax.P("data", None))
    )
    losses: list[float] = []
    for _ in range(30):
        state, loss = step(state, tokens)
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]

    transform = np.asarray(state.params["embed"]["transform"])
    assert (transform >= 0).all()
    nonzeros = np.count_nonzero(transform)
    assert 0 < nonzeros < 0.9 * transform.size

    assert list(ant.params.find_tables(state)) == ["params.embed"]
    (table,) = ant.sparsity(state).tables
    assert (table.rows, table.columns, table.nonzeros) == (*transform.shape, nonzeros)
    sizes = ant.compact.save(tmp_path / "tokens.safetensors", state.params)
    assert table.num_bytes == sizes.total

    rows = ant.compact.load(tmp_path / "tokens.safetensors").lookup(np.arange(32))
    params = jax.tree.map(jnp.asarray, jax.device_get(state.params))
    layer = small_embed(config).bind({"params": params["embed"]})
    np.testing.assert_array_equal(rows, layer(jnp.arange(32)))
