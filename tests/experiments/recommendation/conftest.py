"""A small data set that a low-rank model can learn."""

import numpy as np
import pytest


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
