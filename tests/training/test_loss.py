"""Losses that carry a state, say more than one number, or are clipped, by loops."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax import training
from ant_jax.optim import identity, rules
from ant_jax.training import LossOutput

VOCAB, FEATURES, BATCH, STEPS, RATE = 12, 3, 4, 6, 0.1


class Batch(NamedTuple):
    ids: jax.Array  # (B,)
    targets: jax.Array  # (B,)


def start():
    table = jax.random.normal(jax.random.key(0), (VOCAB, FEATURES))
    return {"table": table, "recurrent": 0.5 * jnp.eye(FEATURES)}


def data(seed=1):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, VOCAB - 2, BATCH * STEPS)  # the last rows are never read
    targets = rng.normal(size=BATCH * STEPS)
    return Batch(jnp.asarray(ids, jnp.int32), jnp.asarray(targets, jnp.float32))


def recurrent_loss(params, batch, *, carry):
    """One turn of a recurrent network whose state goes on from batch to batch."""
    hidden = jnp.tanh(carry @ params["recurrent"] + params["table"][batch.ids])
    error = jnp.mean(jnp.square(jnp.sum(hidden, axis=1) - batch.targets))
    metrics = {"size": jnp.mean(jnp.abs(hidden)), "first": batch.targets[0]}
    return LossOutput(error, metrics, hidden)


def make(kind, loss, batch_size=BATCH, **options):
    mesh = training.data_mesh(jax.local_devices()[:1])
    if kind == "dense":
        return training.dense_trainer(
            loss, optax.sgd(RATE), mesh, batch_size, **options
        )
    rows = ant.LazyRows(rules.sgd(), RATE, num_steps=100, prox=identity)
    tables = training.LazyTables({"table": rows}, {"table": "ids"})
    return training.lazy_trainer(
        loss, optax.sgd(RATE), mesh, batch_size, tables, **options
    )


both = pytest.mark.parametrize("kind", ["dense", "lazy"])


def batches(examples):
    for t in range(STEPS):
        part = slice(t * BATCH, (t + 1) * BATCH)
        yield Batch(examples.ids[part], examples.targets[part])


@both
def test_a_hidden_state_goes_from_batch_to_batch_in_order(kind):
    hidden = jnp.full((BATCH, FEATURES), 0.1)
    trainer = make(kind, recurrent_loss, carry=hidden, shuffle=False)
    state, examples = trainer.create(start()), data()
    reports = []
    for e in range(2):
        state, report = trainer.epoch(state, examples, jax.random.key(e))
        reports.append(report)

    params, expected = start(), []
    step = jax.jit(jax.value_and_grad(recurrent_loss_of, has_aux=True))
    for _ in range(2):
        carry = jnp.full((BATCH, FEATURES), 0.1)  # every epoch begins anew
        losses, sizes = [], []
        for batch in batches(examples):
            (value, output), gradients = step(params, batch, carry)
            params = jax.tree.map(lambda p, g: p - RATE * g, params, gradients)
            carry = output.carry
            losses.append(value)
            sizes.append(output.metrics["size"])
        expected.append((np.mean(losses), np.mean(sizes)))
    for report, (value, size) in zip(reports, expected, strict=True):
        np.testing.assert_allclose(report.loss, value, rtol=1e-5)
        np.testing.assert_allclose(report.metrics["size"], size, rtol=1e-5)
        firsts = examples.targets[::BATCH]
        np.testing.assert_allclose(
            report.metrics["first"], np.mean(firsts), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(state.carry, carry, rtol=1e-5, atol=1e-6)
    found = trainer.params(state)
    for name in params:
        np.testing.assert_allclose(found[name], params[name], rtol=1e-5, atol=1e-6)


def recurrent_loss_of(params, batch, carry):
    output = recurrent_loss(params, batch, carry=carry)
    return output.loss, output


def plain_loss(params, batch):
    hidden = params["table"][batch.ids] @ params["recurrent"]
    return jnp.mean(jnp.square(jnp.sum(hidden, axis=1) - batch.targets))


@both
@pytest.mark.parametrize("norm", [0.05, 1e3])
def test_gradients_are_clipped_by_their_norm_over_rows_and_all_else(kind, norm):
    trainer = make(kind, plain_loss, clip_norm=norm, shuffle=False)
    examples = data()
    state, _ = trainer.epoch(trainer.create(start()), examples, jax.random.key(0))

    params = {name: np.asarray(leaf) for name, leaf in start().items()}
    gradient = jax.jit(jax.grad(plain_loss))
    clipped = 0
    for batch in batches(examples):
        slopes = {n: np.asarray(g) for n, g in gradient(params, batch).items()}
        length = np.sqrt(sum(np.sum(np.square(g)) for g in slopes.values()))
        scale = min(1.0, norm / length)
        clipped += scale < 1
        params = {
            n: p - np.float32(RATE * scale) * slopes[n] for n, p in params.items()
        }
    assert clipped == (STEPS if norm < 1 else 0)
    found = trainer.params(state)
    for name in params:
        np.testing.assert_allclose(found[name], params[name], rtol=1e-4, atol=1e-6)


@both
def test_a_step_reports_its_loss_and_metrics(kind):
    def loss(params, batch):
        return LossOutput(plain_loss(params, batch), {"mean": jnp.mean(batch.targets)})

    trainer = make(kind, loss)
    batch = next(batches(data()))
    _, report = trainer.step(trainer.create(start()), batch)
    np.testing.assert_allclose(report.loss, plain_loss(start(), batch), rtol=1e-6)
    np.testing.assert_allclose(
        report.metrics["mean"], np.mean(batch.targets), rtol=1e-6
    )


@both
def test_the_carry_that_was_given_survives_many_epochs(kind):
    hidden = jnp.zeros((BATCH, FEATURES))
    trainer = make(kind, recurrent_loss, carry=hidden, shuffle=False)
    for _ in range(2):  # epochs donate their state
        state = trainer.create(start())
        trainer.epoch(state, data(), jax.random.key(0))
    assert not hidden.any()
    assert trainer.epoch._cache_size() == 1


@both
def test_a_loss_that_drops_its_carry_is_refused(kind):
    def forgetful(params, batch, *, carry):
        return plain_loss(params, batch)

    trainer = make(kind, forgetful, carry=jnp.zeros(2))
    with pytest.raises(ValueError, match="the loss must return one"):
        trainer.step(trainer.create(start()), next(batches(data())))


@both
@pytest.mark.parametrize("norm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_norm_that_cannot_be_is_refused(kind, norm):
    with pytest.raises(ValueError, match="clip_norm must be positive"):
        make(kind, plain_loss, clip_norm=norm)
