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
        item_ids=tuple("abcdefg"[:n]),
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


def skewed(seed, n=400):
    """Few ratings of many users, so that each part has some of its own."""
    rng = np.random.default_rng(seed)
    users = np.unique((rng.random(n) ** 3 * 200).astype(int), return_inverse=True)[1]
    items = np.unique((rng.random(n) ** 2 * 90).astype(int), return_inverse=True)[1]
    return Ratings(
        users=users.astype(np.int32),
        items=items.astype(np.int32),
        # Every rating can be recognised.
        ratings=np.arange(n, dtype=np.float32),
        user_ids=[f"u{n}" for n in range(users.max() + 1)],
        item_ids=[f"i{n}" for n in range(items.max() + 1)],
        name="made",
    )


def rows(part):
    columns = (part.users, part.items, part.ratings)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(st.integers(0, 1000))
def test_unseen_ones_are_dropped_and_counted(seed):
    splits = input_pipeline.split_ratings(skewed(seed), seed)
    kept, dropped = input_pipeline.drop_unseen(splits)
    users = {user for user, _, _ in rows(splits.train)}
    items = {item for _, item, _ in rows(splits.train)}
    assert rows(kept.train) == rows(splits.train)
    for name in ("validation", "test"):
        before = rows(getattr(splits, name))
        expected = [row for row in before if row[0] in users and row[1] in items]
        assert rows(getattr(kept, name)) == expected
        share = 1 - len(expected) / len(before)
        assert getattr(dropped, name) == pytest.approx(share)
    assert 0 < dropped.validation < 1


def test_a_part_of_unseen_ones_alone():
    splits = input_pipeline.split_ratings(ratings_of(100), 0)
    with pytest.raises(ValueError, match="No rating of validation has both its user"):
        input_pipeline.drop_unseen(splits)


@given(st.integers(0, 1000), st.booleans())
def test_numbered_by_falling_frequency(seed, seen_only):
    ratings = skewed(seed)
    prepared = input_pipeline.prepare(ratings, seed, seen_only=seen_only)
    splits = input_pipeline.split_ratings(ratings, seed)
    if seen_only:
        splits, dropped = input_pipeline.drop_unseen(splits)
        assert prepared.dropped == dropped
    else:
        assert prepared.dropped is None
    # The names of every rating, and their order, are what they were.
    for new, old in zip(prepared.splits, splits, strict=True):
        assert new.users.dtype == new.items.dtype == np.int32
        assert new.ratings.tolist() == old.ratings.tolist()
        for column in ("user", "item"):
            names = getattr(prepared, f"{column}_ids")
            before = getattr(ratings, f"{column}_ids")
            assert [names[n] for n in getattr(new, f"{column}s")] == [
                before[n] for n in getattr(old, f"{column}s")
            ]
    for column in ("user", "item"):
        names = list(getattr(prepared, f"{column}_ids"))
        before = getattr(ratings, f"{column}_ids")
        counts = getattr(prepared, f"{column}_counts").tolist()
        train = getattr(splits.train, f"{column}s").tolist()
        assert counts == [train.count(before.index(name)) for name in names]
        # By falling count, ties by the order of first appearance.
        keys = [(-c, before.index(n)) for c, n in zip(counts, names, strict=True)]
        assert keys == sorted(keys)
        assert all(counts) or not seen_only
        if not seen_only:
            assert sorted(names) == sorted(before)


def test_those_that_occur_nowhere_are_left_out():
    ratings = skewed(0)
    prepared = input_pipeline.prepare(ratings, 0, seen_only=True)
    assert len(prepared.user_ids) < len(ratings.user_ids)
    assert len(prepared.user_ids) == len(np.unique(prepared.splits.train.users))
    assert len(prepared.user_ids) == len(prepared.user_counts)
