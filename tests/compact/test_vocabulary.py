"""Names of tens of millions of objects are packed without all being strings at once."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.compact import vocabulary
from ant_jax.compact.vocabulary import Vocabulary


class Made(Sequence):
    """Names that are made when they are asked for."""

    def __init__(self, size, name="object {}".format):
        self.size, self.name = size, name

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index >= self.size:
            raise IndexError
        return self.name(index)


def unpacked(tensors):
    return Vocabulary(tensors["vocab.bytes"], tensors["vocab.lengths"]).names()


@pytest.mark.parametrize("chunk", [1, 2, 1000])
@given(names=st.lists(st.text(max_size=4), min_size=1, max_size=9, unique=True))
def test_names_come_back_whatever_the_chunks(names, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "_CHUNK", chunk)
        tensors = vocabulary.pack(names, len(names))
    assert unpacked(tensors) == tuple(names)
    assert tensors["vocab.bytes"].tobytes() == "".join(names).encode()


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(vocabulary, "_CHUNK", 1000)
    size = 40_000
    tracemalloc.start()
    try:
        tensors = vocabulary.pack(Made(size), size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text = tensors["vocab.bytes"].nbytes
    assert text == sum(len(f"object {i}") for i in range(size))
    # As strings alone they take 60 bytes more each.
    assert peak < 2 * text + 30 * size + 400_000


@pytest.mark.parametrize(("first", "again"), [(0, 1), (3, 40_000), (39_998, 39_999)])
def test_a_repeat_is_found_however_far_away(first, again):
    names = Made(40_001, lambda i: str(first if i == again else i))
    message = rf"vocab\[{again}\] repeats vocab\[{first}\], '{first}'"
    with pytest.raises(ValueError, match=message):
        vocabulary.pack(names, len(names))


def test_the_first_repeat_is_told():
    with pytest.raises(ValueError, match=r"vocab\[2\] repeats vocab\[1\], 'b'"):
        vocabulary.pack(["a", "b", "b", "a", "b"], 5)


def test_names_of_one_hash_are_not_taken_for_one(monkeypatch):
    monkeypatch.setattr(vocabulary, "hash", len, raising=False)
    tensors = vocabulary.pack(["ab", "cd", "ef", "g"], 4)
    assert unpacked(tensors) == ("ab", "cd", "ef", "g")
    with pytest.raises(ValueError, match=r"vocab\[3\] repeats vocab\[0\], 'ab'"):
        vocabulary.pack(["ab", "cd", "ef", "ab"], 4)


def test_the_widest_lengths():
    tensors = vocabulary.pack(["a" * 255, "b" * 256], 2)
    assert tensors["vocab.lengths"].dtype == np.uint16
