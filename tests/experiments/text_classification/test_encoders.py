"""Encoders against plain loops."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.text_classification.encoders import CNN, LSTM, make_encoder

pytestmark = pytest.mark.usefixtures("quick_compilation")

BATCH, LENGTH, FEATURES = 3, 9, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cnn_of(params, x):
    """Scores of one text by convolutions written out, in float64."""
    pooled = []
    for width in (3, 4, 5):
        kernel, bias = (params[f"conv_{width}"][name] for name in ("kernel", "bias"))
        kernel = kernel.reshape(width, x.shape[1], -1)
        best = np.full(len(bias), -np.inf)
        for i in range(len(x) - width + 1):
            value = bias.astype(np.float64)
            for step in range(width):
                value = value + x[i + step] @ kernel[step]
            best = np.maximum(best, np.maximum(value, 0))
        pooled.append(best)
    last = params["Dense_0"]
    return np.concatenate(pooled) @ last["kernel"] + last["bias"]


def lstm_of(params, x):
    """Scores of one text by the equations of the cell, in float64."""
    cell, last = params["lstm"], params["Dense_0"]
    h = c = np.zeros(len(cell["hi"]["bias"]))
    for word in x:
        i, f, g, o = (
            word @ cell[f"i{gate}"]["kernel"]
            + h @ cell[f"h{gate}"]["kernel"]
            + cell[f"h{gate}"]["bias"]
            for gate in "ifgo"
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h @ last["kernel"] + last["bias"]


@pytest.fixture(scope="module")
def texts():
    """Vectors, zero beyond the end of each text, and its length."""
    rng = np.random.default_rng(0)
    lengths = np.array([LENGTH, 6, 1], np.int32)
    x = rng.normal(size=(BATCH, LENGTH, FEATURES)).astype(np.float32)
    x[np.arange(LENGTH)[None] >= lengths[:, None]] = 0
    return jnp.asarray(x), jnp.asarray(lengths)


def made(encoder, texts):
    """Parameters that are all random, biases too."""
    params = encoder.init(jax.random.key(0), *texts)["params"]
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    return treedef.unflatten(drawn)


def test_convolutions_are_sums_written_out(texts):
    encoder = CNN(num_classes=5, filters=7)
    params = made(encoder, texts)
    got = jax.jit(encoder.apply)({"params": params}, *texts)
    params = jax.tree.map(np.asarray, params)
    expected = [cnn_of(params, x) for x in np.asarray(texts[0])]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_the_state_is_that_of_the_last_word(texts):
    encoder = LSTM(num_classes=5, hidden=6)
    params = made(encoder, texts)
    got = jax.jit(encoder.apply)({"params": params}, *texts)
    params = jax.tree.map(np.asarray, params)
    x, lengths = map(np.asarray, texts)
    expected = [lstm_of(params, row[:n]) for row, n in zip(x, lengths, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def num_params(encoder, features):
    x = jnp.zeros((1, 100, features))
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), x, jnp.ones(1, jnp.int32))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_parameters_are_counted_in_closed_form():
    # The CNN of Table 6: 100 filters of each of the widths 3, 4 and 5.
    convolutions = (3 + 4 + 5) * 256 * 100 + 3 * 100
    assert num_params(CNN(4), 256) == convolutions + 300 * 4 + 4
    # Four gates, and one bias of each.
    cell = 4 * (100 * 50 + 50 * 50 + 50)
    assert num_params(LSTM(4, hidden=50), 100) == cell + 50 * 4 + 4


@pytest.mark.parametrize(
    "encoder", [CNN(2, filters=4, dropout=0.5), LSTM(2, hidden=4, dropout=0.5)]
)
def test_dropout_while_training_only(encoder, texts):
    params = {"params": made(encoder, texts)}
    apply = jax.jit(encoder.apply, static_argnames="train")

    def dropped(seed):
        rngs = {"dropout": jax.random.key(seed)}
        return apply(params, *texts, train=True, rngs=rngs)

    np.testing.assert_array_equal(dropped(0), dropped(0))
    assert (dropped(0) != dropped(1)).any()
    assert (dropped(0) != apply(params, *texts)).any()


def test_the_settings_reach_the_encoder(small):
    assert make_encoder(small, 3) == CNN(3, filters=6, dropout=0.1)
    recurrent = dataclasses.replace(small, encoder="lstm")
    assert make_encoder(recurrent, 3) == LSTM(3, hidden=8, dropout=0.1)
