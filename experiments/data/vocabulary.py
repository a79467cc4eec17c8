"""Identifiers numbered as they come, without keeping them."""

import numpy as np
import pyarrow as pa

_SEEDS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)
_EMPTY = -1


class Vocabulary:
    """Gives identifiers the numbers 0, 1, 2, ... in order of first appearance.

    Of an identifier only a fingerprint of 128 bits is kept, in a hash table with open
    addressing: some 25 to 40 bytes each, where a dictionary of strings takes 130. So
    the 59 million users and items of all Amazon reviews take 1.6 GB and not 7.5. Two of
    so many text identifiers get the same fingerprint, and would be taken for one, with
    a probability of 5e-24; integers never do.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._size = 0
        self._keys = np.empty((1 << 10, 2), np.uint64)  # by number
        self._slots = np.full(1 << 11, _EMPTY, np.int32)  # numbers, by hash

    def __len__(self) -> int:
        """Returns how many identifiers have been seen."""
        return self._size

    def encode(self, values: pa.Array) -> tuple[np.ndarray, list[str]]:
        """Numbers a column of identifiers, all columns being of one type.

        Args:
          values: (n,) int64 or string, without nulls.

        Returns:
          Numbers, int32 (n,), and the identifiers not seen before, in order.
        """
        encoded = values.dictionary_encode()
        distinct = encoded.dictionary
        keys = fingerprints(distinct)
        numbers = self._find(keys)
        absent = np.flatnonzero(numbers == _EMPTY)
        numbers[absent] = self._append(keys[absent])
        new: list[str] = distinct.take(pa.array(absent)).cast(pa.string()).to_pylist()
        return numbers[encoded.indices.to_numpy()], new

    def _find(self, keys: np.ndarray) -> np.ndarray:
        """Returns the numbers of keys, uint64 (n, 2), and -1 of unknown ones."""
        found = np.full(len(keys), _EMPTY, np.int32)
        left = np.arange(len(keys))
        slot, step = self._start(keys)
        while len(left):
            number = self._slots[slot]
            same = (self._keys[number] == keys[left]).all(1) & (number != _EMPTY)
            found[left[same]] = number[same]
            going = ~same & (number != _EMPTY)
            left, step = left[going], step[going]
            slot = self._next(slot[going], step)
        return found

    def _append(self, keys: np.ndarray) -> np.ndarray:
        """Adds keys that are distinct and unknown; returns their numbers."""
        numbers = np.arange(self._size, self._size + len(keys), dtype=np.int32)
        self._size += len(keys)
        if self._size > len(self._keys):
            length = max(self._size, len(self._keys) * 3 // 2)
            # Not a copy beside the old: the kernel moves the pages.
            self._keys.resize((length, 2), refcheck=False)
        self._keys[numbers] = keys
        if self._size > len(self._slots) * 2 // 3:
            length = len(self._slots)
            while self._size > length * 2 // 3:
                length *= 2
            self._slots = np.full(length, _EMPTY, np.int32)
            for start in range(0, self._size, 1 << 16):
                stop = min(start + (1 << 16), self._size)
                self._insert(np.arange(start, stop, dtype=np.int32))
        else:
            self._insert(numbers)
        return numbers

    def _insert(self, numbers: np.ndarray) -> None:
        """Puts numbers, whose keys are stored, into slots."""
        slot, step = self._start(self._keys[numbers])
        while len(numbers):
            empty = self._slots[slot] == _EMPTY
            # Where several want the same slot, one of them gets it.
            self._slots[slot[empty]] = numbers[empty]
            going = self._slots[slot] != numbers
            numbers, step = numbers[going], step[going]
            slot = self._next(slot[going], step)

    def _start(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # The number of slots is a power of two: an odd step reaches them all.
        step = (keys[:, 1] >> np.uint64(33)).astype(np.int64) | 1
        return (keys[:, 0] >> np.uint64(1)).astype(np.int64) & self._mask, step

    def _next(self, slot: np.ndarray, step: np.ndarray) -> np.ndarray:
        return (slot + step) & self._mask

    @property
    def _mask(self) -> int:
        return len(self._slots) - 1


def fingerprints(values: pa.Array) -> np.ndarray:
    """Hashes identifiers.

    Words of 8 bytes are mixed in one after the other with the finalizer of SplitMix64
    (G. L. Steele, D. Lea, C. H. Flood, Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014), a bijection of the word.

    Args:
      values: (n,) int64 or string, without nulls.

    Returns:
      uint64 (n, 2).
    """
    if pa.types.is_integer(values.type):
        words = values.to_numpy().astype(np.int64).view(np.uint64)
        return _mix(np.broadcast_to(_SEEDS, (len(words), 2)) ^ words[:, None])
    if not len(values):
        return np.empty((0, 2), np.uint64)
    values = values.cast(pa.large_string())
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int64)[values.offset :][: len(values) + 1]
    text = np.frombuffer(data or b"", np.uint8)
    lengths = np.diff(ends)
    # Longest first, so that those that go on are a prefix, and a very long identifier
    # costs no more than its own words.
    order = np.argsort(-lengths, kind="stable")
    begins, lengths = ends[order], lengths[order]
    state = _mix(_SEEDS ^ lengths.astype(np.uint64)[:, None])
    for offset in range(0, int(lengths.max(initial=0)), 8):
        going = int(np.searchsorted(-lengths, -offset))
        word = np.zeros((going, 8), np.uint8)
        for place in range(8):
            filled = int(np.searchsorted(-lengths, -offset - place))
            word[:filled, place] = text[begins[:filled] + (offset + place)]
        words = word.view("<u8").astype(np.uint64)
        state[:going] = _mix(state[:going] ^ words)
    result = np.empty_like(state)
    result[order] = state
    return result


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    # The seeds keep the two halves apart, and make zero no fixed point.
    return (state ^ (state >> np.uint64(31))) + _SEEDS
