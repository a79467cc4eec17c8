"""What pruning and refitting do to parameters, without a run around them."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax import training
from experiments.data import load_ratings
from experiments.recommendation.input_pipeline import prepare
from experiments.recommendation.task import Recommendation
from experiments.runner.errors import DivergedError
from experiments.runner.finish import finish
from experiments.runner.run import Run

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def prepared(ratings_file):
    cache = str(ratings_file.parent / "cache")
    return prepare(load_ratings("csv", str(ratings_file), cache), seed=0)


def factors(prepared, features):
    """Vectors of users and items whose products are close to the training ratings."""
    train = prepared.splits.train
    ratings = np.zeros((60, 40))
    ratings[train.users, train.items] = (train.ratings - 3) / 0.8
    left, lengths, right = np.linalg.svd(ratings)
    root = np.sqrt(lengths[:features])
    return {"users": left[:, :features] * root, "items": right[:features].T * root}


def start(config, model, prepared):
    """Parameters that need all of their entries, half of T being zero."""
    params = model.init(jax.random.key(0), 3.0)
    for name, table in factors(prepared, config.features).items():
        if config.method == "ant":
            table = np.stack([table, -table], axis=-1).reshape(len(table), -1)
            table = np.maximum(table, 0)
        old = getattr(params, name)
        new = type(old)(*old[:-1], jnp.asarray(table, jnp.float32))
        params = params._replace(**{name: new})
    return params


def shrink(config, prepared, validate=None):
    """Good parameters, what they shrink to, their sizes and validation errors."""
    config = dataclasses.replace(
        config,
        features=2,
        biases=False,
        anchors_start="signed_basis",
        user_anchors=4,
        item_anchors=4,
    )
    task = Recommendation(config, prepared)
    model = task.model
    params = start(config, model, prepared)
    run = Run(task, training.data_mesh(jax.local_devices()[:1]))
    error = run.loss_on("validation", model)
    if validate is not None:
        run.loss_on = run.mean = lambda *_: validate
    shrunk = [after for _, after in finish(run, params)]
    sizes = [model.num_params(p) for p in shrunk]
    return params, shrunk, sizes, [error(p) for p in [params, *shrunk]]


def table_of(params, name):
    """The sparse table of users or items."""
    return np.asarray(getattr(params, name)[-1])


def check_nested(params, shrunk):
    """Nothing that was pruned is there again later."""
    for name in ("users", "items"):
        tables = [table_of(p, name) != 0 for p in (params, *shrunk)]
        for before, after in itertools.pairwise(tables):
            assert (after <= before).all()


@pytest.mark.parametrize("method", ["ant", "sparse_cbow", "slimming"])
@pytest.mark.parametrize("ratio", [1e9, 1.2])
def test_budgets_are_met_exactly_with_what_is_worth_most(
    method, ratio, small, prepared
):
    config = dataclasses.replace(
        small,
        method=method,
        budgets=(150, 149, 50),
        prune_ratio=ratio,
        prune_tolerance=0.0,
        refit_epochs=0,
    )

    def zeros(params):
        return sum(float(np.sum(table_of(params, n) == 0)) for n in ("users", "items"))

    params, shrunk, sizes, _ = shrink(config, prepared, validate=zeros)
    assert sizes == [150, 149, 50]
    check_nested(params, shrunk)
    for after in shrunk:
        kept, dropped = [], []
        for name in ("users", "items"):
            table, left = table_of(params, name), table_of(after, name)
            np.testing.assert_array_equal(left[left != 0], table[left != 0])
            norms = np.ones(table.shape[1])
            if method == "ant":
                anchors = np.asarray(getattr(params, name).anchors)
                norms = np.linalg.norm(anchors, axis=1)
            kept.append((np.abs(table) * norms)[left != 0])
            dropped.append((np.abs(table) * norms)[left == 0])
        assert np.concatenate(dropped).max() <= np.concatenate(kept).min()


@pytest.mark.slow
def test_what_is_left_is_fitted_anew_and_zeros_stay(small, prepared):
    config = dataclasses.replace(
        small,
        budgets=(150, 100),
        prune_by="curvature",
        prune_ratio=1.3,
        refit_epochs=2,
        refit_learning_rate=0.02,
    )
    params, shrunk, sizes, errors = shrink(config, prepared)
    # A refit may bring further entries down to zero, and none back.
    assert 140 < sizes[0] <= 150
    assert 90 < sizes[1] <= 100
    check_nested(params, shrunk)
    unfitted = dataclasses.replace(config, refit_epochs=0)
    *_, pruned_only = shrink(unfitted, prepared)
    assert errors[1] < pruned_only[1]
    assert errors[2] < 0.95 * pruned_only[2]
    # What is worth least by the length that it adds is not what costs least.
    by_length = dataclasses.replace(unfitted, prune_by="length")
    *_, cut = shrink(by_length, prepared)
    assert pruned_only[1] < cut[1]


def test_without_budgets_the_tolerance_decides(small, prepared):
    config = dataclasses.replace(small, prune_tolerance=0.02, refit_epochs=0)
    _, shrunk, sizes, (before, after) = shrink(config, prepared)
    assert len(shrunk) == 1
    assert sizes[0] < 200 + 16
    assert after <= 1.02 * before


def test_parameters_below_a_budget_are_left_as_they_are(small, prepared):
    config = dataclasses.replace(
        small, budgets=(100_000, 90_000), prune_tolerance=0.0, refit_epochs=0
    )
    _, shrunk, _, _ = shrink(config, prepared)
    jax.tree.map(np.testing.assert_array_equal, *shrunk)


def test_a_refit_that_diverges_says_what_to_lower(small, prepared):
    config = dataclasses.replace(small, method="sparse_cbow", refit_learning_rate=1e30)
    with pytest.raises(DivergedError, match="lower --refit_learning_rate"):
        shrink(config, prepared)
