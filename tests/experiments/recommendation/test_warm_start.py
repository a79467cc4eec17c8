"""T as it starts from a table that was trained for a while."""

import dataclasses

import jax
import numpy as np
import pytest

from ant_jax import training
from experiments.data import load_ratings
from experiments.recommendation.input_pipeline import prepare
from experiments.recommendation.train import make_model
from experiments.recommendation.warm_start import warm_start

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_the_transform_holds_the_parts_of_a_trained_table(small, ratings_file):
    config = dataclasses.replace(
        small,
        anchors_start="signed_basis",
        user_anchors=10,
        item_anchors=10,
        transform_stddev=1e-3,
        warm_start_epochs=2,
        l1=0.1,  # a table without anchors is trained without the penalty
    )
    cache = str(ratings_file.parent / "cache")
    prepared = prepare(load_ratings("csv", str(ratings_file), cache), seed=0)
    mesh = training.data_mesh(jax.local_devices()[:1])
    train = training.replicate(prepared.splits.train, mesh)
    model = make_model(config, prepared)
    fresh = model.init(jax.random.key(0), 3.0)
    warm = warm_start(config, prepared, train, fresh, jax.random.key(1), mesh)

    for name, objects in (("users", 60), ("items", 40)):
        before, after = getattr(fresh, name), getattr(warm, name)
        np.testing.assert_array_equal(after.anchors, before.anchors)
        pairs = np.asarray(after.transform).reshape(objects, 5, 2)
        assert (pairs >= 0).all()
        # Of a number, the positive part or the negative one.
        assert ((pairs > 0).sum(axis=2) == 1).all()
        assert 0.2 < (pairs[..., 0] > 0).mean() < 0.8

    def error(params, part):
        predicted = model.predict(params, part.users, part.items)
        return np.mean(np.square(predicted - part.ratings))

    test = prepared.splits.test
    assert error(warm, train) < 0.5 * error(fresh, train)
    assert error(warm, test) < 0.5 * error(fresh, test)
