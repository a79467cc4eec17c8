"""The split into training, validation and test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data import Ratings
from experiments.recommendation import input_pipeline


def ratings_of(n):
    """Every rating is its own user, so that it can be recognised."""
    return Ratings(
        users=np.arange(n, dtype=np.int32),
        items=np.arange(n, dtype=np.int32) % 7,
        ratings=np.arange(n, dtype=np.float32) / 4,
        user_ids=tuple(map(str, range(n))),
        item_ids=tuple("abcdefg"),
        name="made",
    )


@given(st.integers(10, 500), st.integers(0, 2**32))
def test_disjoint_and_covering(n, seed):
    splits = input_pipeline.split_ratings(ratings_of(n), seed)
    users = np.concatenate([part.users for part in splits])
    assert sorted(users.tolist()) == list(range(n))
    for part in splits:
        np.testing.assert_array_equal(part.items, part.users % 7)
        np.testing.assert_array_equal(part.ratings, part.users / 4)
        assert part.users.dtype == part.items.dtype == np.int32
        assert part.ratings.dtype == np.float32


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (5, (4, 0, 1)),
        (10, (8, 1, 1)),
        (100_004, (80_003, 10_001, 10_000)),
        (1_000_209, (800_167, 100_021, 100_021)),
    ],
)
def test_sizes(n, sizes):
    if 0 in sizes:
        with pytest.raises(ValueError, match=f"{n} ratings are too few"):
            input_pipeline.split_ratings(ratings_of(n), 0)
    else:
        splits = input_pipeline.split_ratings(ratings_of(n), 0)
        assert tuple(len(part.users) for part in splits) == sizes


def test_seed_decides():
    first, again, other = (
        input_pipeline.split_ratings(ratings_of(200), seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.train.users, again.train.users)
    assert first.train.users.tolist() != other.train.users.tolist()
    assert first.train.users.tolist() != sorted(first.train.users.tolist())


def test_fractions():
    splits = input_pipeline.split_ratings(ratings_of(100), 0, (0.5, 0.29, 0.21))
    assert [len(part.users) for part in splits] == [50, 29, 21]


@pytest.mark.parametrize(
    "fractions",
    [
        (0.8, 0.1),
        (0.8, 0.2, 0.0),
        (0.8, 0.3, -0.1),
        (0.8, 0.1, 0.2),
        (0.5, 0.5, np.nan),
    ],
)
def test_wrong_fractions(fractions):
    with pytest.raises(ValueError, match="three positive numbers"):
        input_pipeline.split_ratings(ratings_of(100), 0, fractions)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few(n):
    with pytest.raises(ValueError, match=f"{n} ratings are too few"):
        input_pipeline.split_ratings(ratings_of(n), 0)
