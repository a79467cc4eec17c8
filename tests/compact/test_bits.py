"""Integers of a few bits against a number that has them all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.compact.codecs import bits


@given(data=st.data())
def test_against_one_large_number(data):
    width = data.draw(st.integers(0, 32), label="bits")
    low = 1 if width == 0 else (1 << width - 1) + 1
    count = data.draw(st.integers(low, 1 << width), label="count")
    assert bits.width(count) == width
    numbers = data.draw(st.lists(st.integers(0, count - 1), min_size=1), label="n")
    integers = np.array(numbers, np.int64)
    packed = bits.pack(integers, count)
    whole = sum(number << i * width for i, number in enumerate(numbers))
    size = -(-len(numbers) * width // 8)
    assert packed.dtype == np.uint8
    assert packed.tobytes() == whole.to_bytes(size, "little")
    assert bits.nbytes(len(numbers), count) == size
    places = data.draw(st.lists(st.integers(0, len(numbers) - 1)), label="places")
    places = np.array(places, np.intp)
    read = bits.PackedIntegers(packed, len(numbers), count)
    np.testing.assert_array_equal(read.take(places), integers[places])


@pytest.mark.parametrize("count", [2, 3, 1000])
def test_more_than_a_chunk(count):
    integers = np.random.default_rng(0).integers(0, count, 150_001)
    packed = bits.pack(integers, count)
    assert packed.size == bits.nbytes(150_001, count)
    read = bits.PackedIntegers(packed, 150_001, count)
    np.testing.assert_array_equal(read.take(np.arange(150_001)), integers)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)]
)
def test_bits_of_a_count(count, expected):
    assert bits.width(count) == expected
