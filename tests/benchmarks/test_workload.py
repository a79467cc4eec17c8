import numpy as np
import pytest

from benchmarks.workload import Workload, synthetic_ratings


@pytest.fixture(scope="module")
def ratings():
    return synthetic_ratings(Workload(batch_size=32, anchors=None))


def test_has_the_size_and_range_of_movielens_1m(ratings):
    assert len(ratings.users) == len(ratings.items) == len(ratings.values) == 800_167
    assert ratings.users.dtype == ratings.items.dtype == np.int32
    assert ratings.values.dtype == np.float32
    assert 0 <= ratings.users.min() < ratings.users.max() < 6_040
    assert 0 <= ratings.items.min() < ratings.items.max() < 3_706
    assert set(np.unique(ratings.values)) == {1.0, 2.0, 3.0, 4.0, 5.0}


# Shares of ratings held by the most frequent tenth of ids in MovieLens 1M.
@pytest.mark.parametrize(("column", "share"), [("users", 0.381), ("items", 0.444)])
def test_ids_are_as_skewed(ratings, column, share):
    counts = np.sort(np.bincount(getattr(ratings, column)))[::-1]
    top = counts[: len(counts) // 10].sum() / counts.sum()
    assert top == pytest.approx(share, abs=0.03)


def test_is_the_same_for_the_same_seed():
    small = Workload(batch_size=32, anchors=None, num_ratings=100, seed=3)
    first, second = synthetic_ratings(small), synthetic_ratings(small)
    np.testing.assert_array_equal(first.users, second.users)
    np.testing.assert_array_equal(first.values, second.values)


def test_name():
    assert Workload(32, (120, 8)).name == "ANT 120/8"
    assert Workload(32, None).name == "full"
