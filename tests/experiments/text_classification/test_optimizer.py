"""The loss and the steps of the classifier, a few at a time."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

import ant_jax as ant
from ant_jax import training
from ant_jax.anchors import orthogonality
from experiments.runner.optimizer import (
    make_refit_trainer,
    make_trainer,
    schedules,
    uses_lazy_rows,
)
from experiments.text_classification.encoders import CNN
from experiments.text_classification.knowledge import NOTHING
from experiments.text_classification.task import TextClassification

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def batch(prepared):
    """The first texts for training."""
    return jax.tree.map(lambda x: jnp.asarray(x[:8]), prepared.splits.train)


def task_of(config, prepared, knowledge=NOTHING):
    """A task whose encoder compiles fast."""
    task = TextClassification(config, prepared)
    encoder = CNN(3, windows=(3,), filters=2, dropout=config.dropout)
    task.model = dataclasses.replace(task.model, encoder=encoder)
    task.knowledge = knowledge
    return task


@functools.cache
def compiled_loss(config, prepared):
    task = task_of(config, prepared)
    return jax.jit(task.loss(task.model))


def loss_of(config, prepared, batch, params, step=0):
    loss = compiled_loss(config, prepared)
    return float(loss(params, batch, key=KEY, step=jnp.int32(step)))


def started(config, prepared):
    return task_of(config, prepared).init(jax.random.key(0))


def test_orthogonality_is_added_by_its_weight(small, prepared, batch):
    params = started(small, prepared)
    plain = loss_of(small, prepared, batch, params)
    config = dataclasses.replace(small, orthogonality=0.5)
    expected = 0.5 * float(orthogonality(params.embedding.anchors))
    assert expected > 0
    got = loss_of(config, prepared, batch, params)
    np.testing.assert_allclose(got - plain, expected, rtol=1e-3)


def test_the_divergence_is_one_over_the_texts_and_rises(small, prepared, batch):
    config = dataclasses.replace(small, method="vvd", kl_weight=0.0)
    params = started(config, prepared)
    plain = loss_of(config, prepared, batch, params)
    embedding = task_of(config, prepared).model.embedding
    texts = len(prepared.splits.train.labels)
    divergence = float(embedding.kl(params.embedding))
    config = dataclasses.replace(config, kl_weight=2.0, kl_warmup_steps=4)
    for step, share in ((0, 0.25), (2, 0.75), (3, 1.0), (9, 1.0)):
        got = loss_of(config, prepared, batch, params, step) - plain
        np.testing.assert_allclose(got, share * 2 * divergence / texts, rtol=1e-3)
    config = dataclasses.replace(config, kl_warmup_steps=0)
    got = loss_of(config, prepared, batch, params) - plain
    np.testing.assert_allclose(got, 2 * divergence / texts, rtol=1e-3)


def steps(config, prepared, batch, params, count=1, knowledge=NOTHING, *, refit=False):
    """Parameters after some steps on the same batch."""
    mesh = training.data_mesh(jax.local_devices()[:1])
    task = task_of(config, prepared, knowledge)
    if refit:
        trainer = make_refit_trainer(task, task.model, mesh, KEY)
    else:
        trainer = make_trainer(task, mesh, KEY)
    step = jax.jit(trainer.step)
    state = trainer.create(params)
    for _ in range(count):
        state, _ = step(state, batch)
    return jax.device_get(trainer.params(state))


@pytest.mark.parametrize("lazy", [False, True])
def test_entries_without_penalty_outlive_it(lazy, small, prepared, batch):
    config = dataclasses.replace(small, l1=1e3, lazy_rows=lazy)
    params = started(config, prepared)
    free = np.zeros((55, 4), bool)
    free[10], free[20, 2] = True, True
    knowledge = NOTHING._replace(unpenalized=sparse.csr_array(free))
    after = steps(config, prepared, batch, params, 2, knowledge).embedding.transform
    assert not after[~free].any()
    assert (after[free] > 0).all()


def test_opposites_come_apart(small, prepared, batch):
    pairs = np.array([[3, 4], [5, 6], [7, 8]])
    knowledge = NOTHING._replace(negative=pairs)
    related = dataclasses.replace(
        small,
        anchors_choice="frequency",
        relations="wordnet",
        wordnet_dir="not read here",
        negative_pairs=2,
    )
    params = started(related, prepared)

    def overlap(weight):
        config = dataclasses.replace(related, negative_weight=weight)
        after = steps(config, prepared, batch, params, 8, knowledge)
        left, right = np.moveaxis(after.embedding.transform[pairs], 1, 0)
        return np.sum(left * right)

    assert overlap(1.0) < 0.8 * overlap(0.0)


def test_a_group_lasso_takes_whole_rows(small, prepared, batch):
    config = dataclasses.replace(small, method="group_lasso", group_lasso=0.05)
    before = started(config, prepared)
    read = np.unique(batch.tokens)
    unread = np.setdiff1d(np.arange(55), read)
    assert len(unread) > 5
    rows = np.array(before.embedding.embedding)
    rows[unread[0]] *= 1e-3
    before = before._replace(embedding=ant.FullParams(jnp.asarray(rows)))
    after = steps(config, prepared, batch, before).embedding.embedding
    lengths = np.linalg.norm(rows, axis=1), np.linalg.norm(after, axis=1)
    assert not after[unread[0]].any()
    # The others are shortened, all by the same length, and not turned.
    shorter = (lengths[0] - lengths[1])[unread[1:]]
    assert shorter[0] > 0
    np.testing.assert_allclose(shorter, shorter[0], rtol=1e-3)
    cosines = np.sum(rows * after, axis=1)[unread[1:]]
    cosines /= (lengths[0] * lengths[1])[unread[1:]]
    np.testing.assert_allclose(cosines, 1, rtol=1e-5)


@pytest.mark.parametrize("lazy", [False, True])
def test_zeros_stay_in_a_refit(lazy, small, prepared, batch):
    config = dataclasses.replace(small, lazy_rows=lazy, l1=0.0)
    params = started(config, prepared)
    dropped = np.random.default_rng(0).random((55, 4)) < 0.5
    table = jnp.where(dropped, 0, params.embedding.transform)
    params = params._replace(embedding=params.embedding._replace(transform=table))
    after = steps(config, prepared, batch, params, 2, refit=True)
    assert not after.embedding.transform[dropped].any()
    assert (after.embedding.transform != table)[~dropped].any()


@pytest.mark.parametrize("method", ["ant", "full"])
def test_lazy_rows_take_the_steps_of_the_dense_optimizer(
    method, small, prepared, batch
):
    config = dataclasses.replace(small, method=method, l1=1e-2, dropout=0.5)
    params = started(config, prepared)
    dense = steps(config, prepared, batch, params, 5)
    lazy = steps(
        dataclasses.replace(config, lazy_rows=True), prepared, batch, params, 5
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), lazy, dense
    )


def test_lazy_rows_where_there_is_a_closed_form(small, prepared):
    def lazy(**changes):
        return uses_lazy_rows(task_of(dataclasses.replace(small, **changes), prepared))

    assert lazy(lazy_rows=True)
    assert lazy(lazy_rows=True, method="full")
    assert not lazy()
    for method in ("group_lasso", "cluster", "vvd", "anchor_mixture"):
        assert not lazy(lazy_rows=True, method=method)
    related = {"anchors_choice": "frequency", "relations": "cooccurrence"}
    assert lazy(lazy_rows=True, **related)
    opposites = {"relations": "wordnet", "wordnet_dir": "x", "negative_weight": 0.1}
    assert not lazy(lazy_rows=True, **related | opposites)


def test_schedules_are_numbers_or_functions(small):
    assert schedules(small) == (small.learning_rate, small.l1)
    config = dataclasses.replace(small, halving_steps=10, l1_warmup_steps=10)
    rate, l1 = schedules(config)
    np.testing.assert_allclose(rate(jnp.int32(25)), 0.0125, rtol=1e-6)
    assert 0 <= l1(jnp.int32(0)) < l1(jnp.int32(5)) < l1(jnp.int32(30))
    np.testing.assert_allclose(l1(jnp.int32(30)), 1e-4, rtol=1e-6)


def test_the_temperature_halves_down_to_its_end(small, prepared, batch):
    config = dataclasses.replace(small, method="cluster", dropout=0.0)
    params = started(config, prepared)
    falling = dataclasses.replace(
        config, temperature=1.0, temperature_halving_steps=2, temperature_end=0.2
    )
    for step, temperature in ((0, 1.0), (2, 0.5), (4, 0.25), (50, 0.2)):
        constant = dataclasses.replace(config, temperature=temperature)
        np.testing.assert_allclose(
            loss_of(falling, prepared, batch, params, step),
            loss_of(constant, prepared, batch, params, step),
            rtol=1e-5,
        )
