"""T as it starts from a table that was trained for a while."""

import dataclasses

import jax
import numpy as np
import pytest

from ant_jax import training
from experiments.data import load_ratings
from experiments.recommendation.input_pipeline import prepare
from experiments.recommendation.task import Recommendation
from experiments.runner.run import Run

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.slow
def test_the_transform_holds_the_parts_of_a_trained_table(small, ratings_file):
    config = dataclasses.replace(
        small,
        anchors_start="signed_basis",
        user_anchors=10,
        item_anchors=10,
        transform_stddev=1e-3,
        warm_start_epochs=3,
        l1=0.1,  # a table without anchors is trained without the penalty
    )
    cache = str(ratings_file.parent / "cache")
    prepared = prepare(load_ratings("csv", str(ratings_file), cache), seed=0)
    task = Recommendation(config, prepared)
    run = Run(task, training.data_mesh(jax.local_devices()[:1]))
    fresh, warm = task.init(run.init_key), task.start(run)

    for name, objects in (("users", 60), ("items", 40)):
        before, after = getattr(fresh, name), getattr(warm, name)
        np.testing.assert_array_equal(after.anchors, before.anchors)
        pairs = np.asarray(after.transform).reshape(objects, 5, 2)
        assert (pairs >= 0).all()
        # Of a number, the positive part or the negative one.
        assert ((pairs > 0).sum(axis=2) == 1).all()
        assert 0.2 < (pairs[..., 0] > 0).mean() < 0.8

    def error(params, part):
        predicted = task.model.predict(params, part.users, part.items)
        return np.mean(np.square(predicted - part.ratings))

    test = prepared.splits.test
    assert error(warm, run.splits.train) < 0.5 * error(fresh, run.splits.train)
    assert error(warm, test) < 0.5 * error(fresh, test)
