"""Names against a tuple of strings."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.names import Names, as_names

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=20)


@given(TEXTS, st.slices(20), st.data())
def test_is_a_sequence_like_a_tuple(texts, part, data):
    names, expected = Names(texts), tuple(texts)
    assert len(names) == len(expected)
    assert tuple(names) == expected
    assert tuple(names[part]) == expected[part]
    assert tuple(reversed(names)) == expected[::-1]
    # Again on what is a view into the middle.
    assert tuple(names[2:][part]) == expected[2:][part]
    if texts:
        index = data.draw(st.integers(-len(texts), len(texts) - 1))
        assert names[index] == expected[index]
        assert names[np.int32(index)] == expected[index]
        assert names.index(expected[index]) == expected.index(expected[index])
        order = data.draw(st.lists(st.integers(0, len(texts) - 1)))
        taken = names.take(np.array(order, np.int64))
        assert tuple(taken) == tuple(expected[position] for position in order)


def test_iterates_over_more_than_a_chunk():
    texts = list(map(str, range(150_000)))
    assert list(Names(texts)) == texts


def test_takes_little_memory():
    names = Names(f"A{number:013d}" for number in range(10_000))
    assert names.nbytes == pytest.approx(10_000 * (14 + 8), rel=0.01)
    assert as_names(names) is names
    assert tuple(as_names(("a", "b"))) == ("a", "b")


@pytest.mark.parametrize("index", [3, -4])
def test_index_out_of_range(index):
    with pytest.raises(IndexError, match="outside 3 names"):
        Names("abc")[index]


@pytest.mark.parametrize("names", [[1, 2], ["a", 2], ["a", b"\xff"]])
def test_only_strings(names):
    with pytest.raises(TypeError, match="must be strings"):
        Names(names)


def test_no_nulls():
    with pytest.raises(ValueError, match="1 names are absent"):
        Names(pa.array(["a", None]))


def test_repr_shows_the_first():
    assert repr(Names("abcd")) == "Names(['a', 'b', 'c', ...], 4 names)"
    assert repr(Names([])) == "Names([], 0 names)"
