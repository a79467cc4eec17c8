"""Rows as words: nothing is changed by being packed."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.optim.lazy.layout import Layout, Row

ROWS = 5
# Besides random words: zeros, subnormal numbers, infinities, NaN, and the largest.
SPECIAL = [0.0, -0.0, 1e-45, -1e-40, np.inf, -np.inf, np.nan, 3.4028235e38, 1.0]


def bits(x, dtype):
    return np.asarray(x).view({4: np.int32, 8: np.int64}[np.dtype(dtype).itemsize])


def floats(dtype):
    word = bits(np.zeros(1, dtype), dtype).dtype
    info = np.iinfo(word)
    special = bits(np.array(SPECIAL, dtype), dtype).tolist()
    return st.integers(int(info.min), int(info.max)) | st.sampled_from(special)


@st.composite
def rows(draw, dtype="float32", halved=False):
    """Arguments of a layout and a row to go with it, in NumPy.

    They are put together by `make`, since the type checks around the library draw
    random numbers, which Hypothesis does not allow in here.
    """
    columns, count = draw(st.integers(1, 40)), draw(st.integers(0, 3))
    masked = draw(st.booleans())
    word = bits(np.zeros(1, dtype), dtype).dtype
    shape = ROWS, columns

    def array():
        return draw(hnp.arrays(word, shape, elements=floats(dtype))).view(dtype)

    names = ("mu", "nu", "nu_max")[:count]
    free = draw(hnp.arrays(bool, shape)) if masked else None
    settled = draw(hnp.arrays(np.int32, ROWS, elements=st.integers(0, 2**31 - 1)))
    slots = {name: array() for name in names}
    if halved:
        slots = {
            name: (bits(slot, dtype) & np.int32(-(2**16))).view(np.float32)
            for name, slot in slots.items()
        }
    return (columns, names, dtype, halved, masked), (array(), slots, free, settled)


def make(drawn):
    layout, row = drawn
    return Layout(*layout), Row(*row)


def round_trip(layout, row):
    place = jnp.arange(ROWS, dtype=jnp.int32)[::-1]
    words = jax.jit(layout.pack)(jax.tree.map(jnp.asarray, row), place)
    assert words.shape == (ROWS, layout.width)
    assert words.dtype == layout.word
    np.testing.assert_array_equal(words[:, 0], place)
    return jax.jit(layout.unpack)(words)


def assert_same_bits(got, want, dtype):
    np.testing.assert_array_equal(bits(got.values, dtype), bits(want.values, dtype))
    np.testing.assert_array_equal(got.settled, want.settled)
    assert (got.free is None) == (want.free is None)
    if want.free is not None:
        np.testing.assert_array_equal(got.free, want.free)


@hypothesis.settings(max_examples=8)
@hypothesis.given(rows())
def test_rows_come_back_bit_for_bit(drawn):
    layout, row = make(drawn)
    got = round_trip(layout, row)
    assert_same_bits(got, row, "float32")
    assert set(got.slots) == set(row.slots)
    for name, slot in row.slots.items():
        np.testing.assert_array_equal(
            bits(got.slots[name], "float32"), bits(slot, "float32")
        )


@hypothesis.settings(max_examples=3)
@hypothesis.given(st.data())
def test_rows_come_back_bit_for_bit_in_float64(data):
    with jax.enable_x64(True):
        layout, row = make(data.draw(rows("float64")))
        got = round_trip(layout, row)
        assert_same_bits(got, row, "float64")
        for name, slot in row.slots.items():
            np.testing.assert_array_equal(
                bits(got.slots[name], "float64"), bits(slot, "float64")
            )


@hypothesis.settings(max_examples=4)
@hypothesis.given(rows(halved=True))
def test_halved_slots_keep_what_bfloat16_holds(drawn):
    layout, row = make(drawn)
    got = round_trip(layout, row)
    assert_same_bits(got, row, "float32")
    for name, slot in row.slots.items():
        np.testing.assert_array_equal(got.slots[name], slot)
        np.testing.assert_array_equal(np.signbit(got.slots[name]), np.signbit(slot))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("slots", [(), ("mu",), ("mu", "nu"), ("mu", "nu", "nu_max")])
def test_rows_are_whole_grains(slots, halved, masked):
    for columns in range(1, 200):
        width = Layout(columns, slots, "float32", halved, masked).width
        slot = -(-columns // 2) if halved else columns
        needed = 2 + columns + len(slots) * slot + masked * -(-columns // 32)
        assert needed <= width < max(2 * needed, needed + 8)
        assert width % 8 == 0 or width in (4, 8) if needed > 2 else True


def test_equal_rows_of_a_batch_are_rounded_independently():
    count = 4000
    x = jnp.full((count, 1), 1e-6)
    row = Row(x, {"nu": x}, None, jnp.zeros(count, jnp.int32))
    layout = Layout(1, ("nu",), "float32", halved=True)
    words = jax.jit(layout.pack)(row, jnp.arange(count, dtype=jnp.int32))
    got = np.asarray(jax.jit(layout.unpack)(words).slots["nu"], np.float64)
    # Neighbors are a 256th apart at most.
    assert abs(got.mean() / 1e-6 - 1) < 5 * 2**-8 / 2 / np.sqrt(count)
