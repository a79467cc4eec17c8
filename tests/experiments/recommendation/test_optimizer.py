"""One step of every penalty against its closed form."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax import training
from experiments.recommendation.input_pipeline import Examples, Prepared, Splits
from experiments.recommendation.task import Recommendation
from experiments.runner.optimizer import (
    make_refit_trainer,
    make_trainer,
    uses_lazy_rows,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

COUNTS = np.array([64, 16, 4, 1])
RATE, L1 = 0.01, 0.02
# Of Yogi's first step where there is no gradient.
STEP = RATE * np.sqrt(0.001) / 0.1 / 2e-3


def task_of(small, **changes):
    """A recommender of four users and items."""
    names = [str(n) for n in range(4)]
    train = Examples(*(np.full(64, n) for n in (0, 0, 1.0)))
    prepared = Prepared(Splits(train, train, train), names, names, COUNTS, COUNTS)
    return Recommendation(dataclasses.replace(small, **changes), prepared)


@functools.cache
def stepped(small, *, refit=False, **changes):
    """Tables before and after a step on a rating of the first user and item."""
    settings = {"learning_rate": RATE, "l1": L1, "transform_stddev": 0.1}
    settings |= {"refit_learning_rate": RATE, "refit_l1": L1}
    task = task_of(small, **(settings | changes))
    mesh = training.data_mesh(jax.local_devices()[:1])
    if refit:
        trainer = make_refit_trainer(task, task.model, mesh, jax.random.key(1))
    else:
        trainer = make_trainer(task, mesh, jax.random.key(1))
    first = jnp.zeros(2, jnp.int32)
    params = task.model.init(jax.random.key(0), 1.0)
    table = -1 if task.config.method != "ant" else 1
    values = params.users[table].at[1:, 0].set(0.001).at[0, 1].set(0.0)
    params = params._replace(users=type(params.users)(*params.users[:table], values))
    state, _ = jax.jit(trainer.step)(
        trainer.create(params), Examples(first, first, jnp.full(2, 4.0))
    )
    after = trainer.params(state)
    return np.asarray(values), np.asarray(after.users[table])


@pytest.mark.parametrize("lazy", [False, True])
def test_l1_shrinks_what_a_batch_does_not_read(small, lazy):
    before, after = stepped(small, lazy_rows=lazy)
    expected = np.maximum(before - STEP * L1, 0)
    np.testing.assert_allclose(after[1:], expected[1:], rtol=1e-4, atol=1e-7)
    assert (after[1:] == 0).any()
    assert after[0, 1] > 0


def test_the_penalty_follows_how_often_an_object_occurs(small):
    weights = np.sqrt(COUNTS) / np.mean(np.sqrt(COUNTS))
    before, after = stepped(small, penalty_power=0.5)
    expected = np.maximum(before - STEP * L1 * weights[:, None], 0)
    np.testing.assert_allclose(after[1:], expected[1:], rtol=1e-4, atol=1e-7)


def test_the_euclidean_metric_takes_no_account_of_the_step(small):
    before, after = stepped(small, metric="euclidean")
    np.testing.assert_allclose(after[1:], np.maximum(before - RATE * L1, 0)[1:], 1e-4)


def test_hard_thresholding_shrinks_nothing_that_it_keeps(small):
    before, after = stepped(small, penalty="hard", l1=1e-5)
    kept = before**2 > 2 * STEP * 1e-5
    np.testing.assert_array_equal(after[1:], np.where(kept, before, 0)[1:])
    assert 0 < kept[1:].sum() < kept[1:].size


def test_the_minimax_concave_penalty_ends_at_its_limit(small):
    before, after = stepped(small, penalty="minimax_concave", concavity=3.0)
    limit, threshold = 3.0 * L1, STEP * L1
    between = (before - threshold) / (1 - STEP / 3.0)
    expected = np.where(before > limit, before, np.maximum(between, 0))
    np.testing.assert_allclose(after[1:], expected[1:], rtol=1e-4, atol=1e-7)
    assert (expected[1:] == before[1:]).any()
    assert (expected[1:] == 0).any()


def test_sparse_tables_have_both_signs_and_slimming_no_zeros(small):
    before, after = stepped(small, method="sparse_cbow")
    expected = np.sign(before) * np.maximum(np.abs(before) - STEP * L1, 0)
    np.testing.assert_allclose(after[1:], expected[1:], rtol=1e-4, atol=1e-7)
    before, after = stepped(small, method="slimming")
    assert (after[1:] < before[1:]).all()
    assert (after[1:] != 0).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"lazy_rows": True},
        {"lazy_rows": False},
        {"method": "sparse_cbow"},
    ],
)
def test_zeros_stay_in_a_refit(small, changes):
    before, after = stepped(small, refit=True, **changes)
    assert before[0, 1] == 0 == after[0, 1]
    assert (after[0, [0, 2, 3]] != before[0, [0, 2, 3]]).any()
    _, free = stepped(small, **changes)
    assert free[0, 1] != 0
    # Two programs, whose arithmetic is fused in ways of their own.
    np.testing.assert_allclose(after[1:], free[1:], rtol=1e-6, atol=0)


def test_lazy_rows_where_there_is_a_closed_form(small):
    def lazy(**changes):
        return uses_lazy_rows(task_of(small, **changes))

    assert all(lazy(method=method) for method in ("ant", "nbant", "full"))
    assert not any(lazy(method=m) for m in ("slimming", "sparse_cbow", "low_rank"))
    assert not lazy(lazy_rows=False)
    assert not lazy(penalty="hard")
    assert not lazy(penalty_power=0.5)
