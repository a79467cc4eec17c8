import tracemalloc

import numpy as np
import pytest

from benchmarks.batches import draw_batches
from benchmarks.workload import Workload


# Shares of ratings held by the most frequent tenth of ids in MovieLens 1M.
@pytest.mark.parametrize(("column", "share"), [("users", 0.381), ("items", 0.444)])
@pytest.mark.parametrize("scale", [1, 30])
def test_ids_are_as_skewed_at_every_size(column, share, scale):
    workload = Workload(1000, None, num_users=6_040 * scale, num_items=3_706 * scale)
    ids = getattr(draw_batches(workload, 1000, turn=0), column)
    size = getattr(workload, f"num_{column}")
    counts = np.sort(np.bincount(ids.ravel(), minlength=size))[::-1]
    # What is drawn most often is partly so by chance where ids are many.
    tolerance = 0.03 if scale == 1 else 0.2
    top = counts[: size // 10].sum() / counts.sum()
    assert share - 0.03 < top < share + tolerance


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
def test_every_id_is_drawn_and_no_other(size):
    workload = Workload(1000, None, num_users=size, num_items=size)
    batches = draw_batches(workload, 20, turn=0)
    for ids in (batches.users, batches.items):
        assert ids.dtype == np.int32
        assert np.array_equal(np.unique(ids), np.arange(size))


def test_the_largest_vocabularies_take_no_memory():
    workload = Workload(1024, None, num_users=43_500_000, num_items=15_200_000)
    tracemalloc.start()
    batches = draw_batches(workload, 10, turn=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6
    assert batches.users.max() > 43_000_000
    assert batches.items.max() > 15_000_000


def test_turns_differ_and_repeat():
    workload = Workload(8, None)
    first, again, other = (draw_batches(workload, 3, turn) for turn in (0, 0, 1))
    assert first.users.shape == first.items.shape == first.values.shape == (3, 8)
    np.testing.assert_array_equal(first.users, again.users)
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.users, other.users)


def test_values_are_ratings_that_can_be_learned():
    batches = draw_batches(Workload(1000, None), 100, turn=0)
    assert set(np.unique(batches.values)) == {1.0, 2.0, 3.0, 4.0, 5.0}
    same = batches.users % 2 == batches.items % 2
    assert batches.values[same].mean() > batches.values[~same].mean() + 1
