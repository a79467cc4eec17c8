"""Blocks against plain Python dictionaries and slices."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data import blocks

IDS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=40),
    st.lists(st.text(max_size=3), max_size=40),
)


def batches_of(users, items, ratings, cuts):
    edges = [0, *sorted(cut % (len(users) + 1) for cut in cuts), len(users)]
    return [
        pa.record_batch({"user": users, "item": items, "rating": ratings}).slice(
            a, b - a
        )
        for a, b in itertools.pairwise(edges)
    ]


@given(IDS, st.integers(1, 9), st.lists(st.integers(0, 100), max_size=4))
def test_blocks_hold_the_ratings_in_order(ids, size, cuts):
    kind = pa.string() if ids and isinstance(ids[0], str) else pa.int64()
    users = pa.array(ids, kind)
    items = pa.array(ids[::-1], kind)
    ratings = pa.array(np.arange(len(ids), dtype=np.float32))
    found = list(blocks.encode_blocks(batches_of(users, items, ratings, cuts), size))

    assert all(len(block.rating) == size for block in found[:-1])
    assert all(0 < len(block.rating) <= size for block in found)
    for column, expected in ((0, ids), (1, ids[::-1])):
        names = [name for block in found for name in block[column + 3]]
        assert names == [str(name) for name in dict.fromkeys(expected)]
        numbers = [number for block in found for number in block[column]]
        assert [names[number] for number in numbers] == [str(x) for x in expected]
        # A block alone with the earlier ones is enough to name its objects.
        known = 0
        for block in found:
            known += len(block[column + 3])
            assert block[column].dtype == np.int32
            assert block[column].max() < known
    assert [r for block in found for r in block.rating] == list(range(len(ids)))


def block(**changes):
    fields = {
        "user": np.array([0, 1], np.int32),
        "item": np.array([0, 0], np.int32),
        "rating": np.array([1, 2], np.float32),
        "new_users": ["ab", "c"],
        "new_items": ["d"],
    }
    return blocks.Block(**fields | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"user": np.array([1, 0], np.int32)},
        {"item": np.array([0, 1], np.int32)},
        {"rating": np.array([1, 2.5], np.float32)},
        {"new_users": ["a", "bc"]},
        {"new_users": ["ab"], "new_items": ["c", "d"]},
    ],
)
def test_checksum_sees_every_field(changes):
    assert block().checksum() == block().checksum()
    assert block(**changes).checksum() != block().checksum()
    assert block().checksum(1) != block().checksum()
