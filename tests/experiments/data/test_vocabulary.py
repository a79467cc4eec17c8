"""Numbering of identifiers against a dictionary."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.vocabulary import Vocabulary, fingerprints


@pytest.mark.parametrize("kind", [int, str])
def test_numbers_as_a_dictionary_does(kind):
    # Enough for the table to grow several times, in columns of any length.
    rng = np.random.default_rng(0)
    vocabulary, known = Vocabulary(), {}
    for size in (1, 0, 5000, 3, 40_000, 40_000, 7):
        column = [kind(i) for i in rng.integers(-20_000, 20_000, size)]
        numbers, new = vocabulary.encode(
            pa.array(column, pa.string() if kind is str else pa.int64())
        )
        before = len(known)
        expected = [known.setdefault(name, len(known)) for name in column]
        assert numbers.tolist() == expected
        assert numbers.dtype == np.int32
        assert new == [str(name) for name in list(known)[before:]]
        assert len(vocabulary) == len(known)


@pytest.mark.parametrize("hashed", [(0, 0), (0, 2**40), (2**64 - 1, 2**64 - 1)])
def test_keys_that_want_the_same_slots(hashed, monkeypatch):
    """The worst of hashes: all start at one slot and step alike."""

    def collide(values):
        keys = np.tile(np.array(hashed, np.uint64), (len(values), 1))
        # Bits that neither the slot nor the step reads.
        keys[:, 1] ^= values.to_numpy().astype(np.uint64)
        return keys

    monkeypatch.setattr("experiments.data.vocabulary.fingerprints", collide)
    vocabulary = Vocabulary()
    for start in (0, 100, 50):
        numbers, _ = vocabulary.encode(pa.array(range(start, start + 200)))
        assert numbers.tolist() == list(range(start, start + 200))
    assert len(vocabulary) == 300


@given(st.sets(st.text(st.sampled_from("a\0é"), max_size=20), min_size=2))
def test_fingerprints_tell_texts_apart(texts):
    column = pa.array(sorted(texts))
    found = fingerprints(column)
    assert found.shape == (len(texts), 2)
    for half in (found[:, 0], found[:, 1]):
        assert len(set(half.tolist())) == len(texts)
    # What surrounds a text in its column has no influence.
    np.testing.assert_array_equal(fingerprints(column.slice(1)), found[1:])
    for text, row in zip(sorted(texts), found, strict=True):
        np.testing.assert_array_equal(fingerprints(pa.array([text]))[0], row)


@pytest.mark.parametrize("kind", ["numbers", "counters", "text"])
def test_fingerprints_are_spread_evenly(kind):
    numbers = np.arange(1 << 16) * {"numbers": 1, "counters": 1 << 40}.get(kind, 1)
    column = pa.array(numbers)
    if kind == "text":
        column = column.cast(pa.string())
    found = fingerprints(column)
    for half in found.T:
        assert len(np.unique(half)) == len(half)
        for shift in (0, 16, 33, 52):
            counts = np.bincount((half >> np.uint64(shift)).astype(int) & 255)
            # Chi-square with 255 degrees of freedom.
            statistic = np.sum((counts - 256) ** 2 / 256)
            assert 160 < statistic < 370
    # And the halves do not follow each other.
    agree = np.mean((found[:, 0] ^ found[:, 1]) & np.uint64(1))
    assert agree == pytest.approx(0.5, abs=0.01)


def test_memory_is_that_of_fingerprints():
    vocabulary = Vocabulary()
    for start in range(0, 300_000, 50_000):
        vocabulary.encode(pa.array([f"{n:040d}" for n in range(start, start + 50_000)]))
    nbytes = vocabulary._keys.nbytes + vocabulary._slots.nbytes
    assert nbytes < 40 * len(vocabulary)
