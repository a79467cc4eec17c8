"""Generated ratings against the counts of the real ones."""

import numpy as np
import pytest

from experiments.data import synthetic
from experiments.data.synthetic import MOVIELENS_1M, MOVIELENS_25M, Skew


@pytest.fixture(scope="module")
def ratings():
    return synthetic.synthetic_ratings(MOVIELENS_1M)


def counts(numbers):
    return np.sort(np.bincount(numbers))[::-1]


def share(numbers):
    """Of the ratings, those of the most frequent tenth."""
    found = counts(numbers)
    return found[: len(found) // 10].sum() / found.sum()


def test_sizes(ratings):
    assert len(ratings) == 1_000_209
    assert len(ratings.user_ids) == len(np.unique(ratings.users)) == 6_040
    assert len(ratings.item_ids) == len(np.unique(ratings.items)) == 3_706
    assert ratings.users.dtype == ratings.items.dtype == np.int32
    assert np.unique(ratings.ratings).tolist() == [x / 2 for x in range(1, 11)]


def test_nobody_rates_an_item_twice_and_all_are_sorted(ratings):
    pairs = ratings.users.astype(np.int64) * 3_706 + ratings.items
    assert np.all(np.diff(pairs) > 0)


# Figures of ratings.dat.
def test_counts_are_those_of_movielens_1m(ratings):
    users, items = counts(ratings.users), counts(ratings.items)
    assert users[-1] >= 20
    assert np.median(users) == pytest.approx(96, rel=0.1)
    assert users[0] == pytest.approx(2_314, rel=0.3)
    assert share(ratings.users) == pytest.approx(0.381, abs=0.05)
    assert share(ratings.items) == pytest.approx(0.444, abs=0.03)
    assert np.median(items) == pytest.approx(123.5, rel=0.2)


def test_frequent_ones_have_no_neighboring_numbers(ratings):
    for numbers in (ratings.users, ratings.items):
        found = np.bincount(numbers)
        order = np.argsort(-found)[:100]
        assert np.abs(np.corrcoef(np.arange(len(found)), found)[0, 1]) < 0.1
        assert np.min(order) < len(found) / 4 < len(found) * 3 / 4 < np.max(order)


def test_ratings_can_be_learned_but_not_wholly(ratings):
    values = ratings.ratings.astype(np.float64)
    residual = values - values.mean()
    for numbers in (ratings.users, ratings.items, ratings.users):
        means = np.bincount(numbers, residual) / np.bincount(numbers)
        residual -= means[numbers]
    # MovieLens 1M: 1.25 and 0.82.
    assert values.var() == pytest.approx(1.1, abs=0.2)
    assert np.mean(residual**2) == pytest.approx(0.8, abs=0.1)


def test_published_counts_of_movielens_25m_in_small():
    """A fiftieth of the users, with as many ratings each and of as many movies."""
    skew = MOVIELENS_25M.resized(3_251, 59_047, 500_000)
    ratings = synthetic.synthetic_ratings(skew)
    users, items = counts(ratings.users), counts(ratings.items)
    assert users[-1] >= 20
    assert np.median(users) == pytest.approx(71, rel=0.1)
    # The share of the users who rated the most rated movie.
    assert items[0] / len(users) == pytest.approx(81_491 / 162_541, rel=0.15)


def test_seeds():
    skew = MOVIELENS_1M.resized(50, 40, 500)
    first, again, other = (synthetic.synthetic_ratings(skew, s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.items, again.items)
    np.testing.assert_array_equal(first.ratings, again.ratings)
    assert first.items.tolist() != other.items.tolist()


@pytest.mark.parametrize(
    ("users", "items", "ratings"), [(10, 10, 50), (50, 3, 60), (2, 900, 900)]
)
def test_small_and_dense_ones(users, items, ratings):
    skew = Skew(users, items, ratings, 1, 1.0, 2.0, 5.0)
    found = synthetic.synthetic_ratings(skew)
    assert len(found) == ratings


@pytest.mark.parametrize(
    "sizes", [(10, 10, 51), (10, 10, 9), (10, 30, 29), (0, 10, 10), (10, 0, 10)]
)
def test_impossible_sizes(sizes):
    with pytest.raises(ValueError, match="num_ratings must be between"):
        Skew(*sizes, 1, 1.0, 2.0, 5.0)


def test_users_without_ratings_are_refused():
    with pytest.raises(ValueError, match="min_per_user must be at least 1, got 0"):
        Skew(10, 10, 20, 0, 1.0, 2.0, 5.0)
