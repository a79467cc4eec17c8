"""A small data set that a low-rank model can learn, and runs on it."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.recommendation.configs import Config
from experiments.recommendation.task import Recommendation
from experiments.runner.train import train_and_evaluate


@pytest.fixture(scope="session")
def ratings_file(tmp_path_factory):
    """A CSV of 2,400 ratings of 60 users and 40 items, each of which occurs."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
    pairs = rng.permutation(60 * 40)
    users, items = np.divmod(pairs, 40)
    scores = 3 + np.sum(left[users] * right[items], 1) + 0.3 * rng.normal(size=2400)
    ratings = np.clip(np.round(scores * 2) / 2, 0.5, 5)
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    lines = [f"u{u},i{i},{r}" for u, i, r in zip(users, items, ratings, strict=True)]
    path.write_text("\n".join(["user,item,rating", *lines]) + "\n")
    return path


@pytest.fixture(scope="session")
def small(ratings_file):
    """Settings under which two epochs are enough to learn something."""
    return Config(
        dataset="csv",
        data_dir=str(ratings_file),
        features=4,
        biases=True,
        user_anchors=6,
        item_anchors=6,
        mixture_anchors=3,
        clusters=20,
        adjustment_features=2,
        kept_objects=35,
        max_anchors=8,
        table_stddev=0.1,
        table_share=0.75,
        mixed_blocks=3,
        mixed_temperature=1.0,
        l1=1e-4,
        learning_rate=0.05,
        halving_steps=0,
        batch_size=16,
        epochs=2,
        refit_epochs=1,
    )


@pytest.fixture(scope="session")
def run(small, ratings_file):
    """Trains the small settings with some changed; on one device if not told."""

    def run(folder, *, mode="new", devices=None, **changes):
        return train_and_evaluate(
            Recommendation,
            dataclasses.replace(small, **changes),
            folder,
            mode,
            cache_dir=str(ratings_file.parent / "cache"),
            devices=devices or jax.local_devices()[:1],
        )

    return run
