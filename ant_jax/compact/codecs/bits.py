"""Small integers, packed into a few bits each."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact.tensors import Tensors

_BYTES = (np.dtype(np.uint8),)
# Integers processed at a time; a multiple of 8, so that a chunk ends with a whole byte.
_CHUNK = 1 << 16


def width(count: int) -> int:
    """Bits of an integer in [0, count): ceil(log2 count), so none if count is 1."""
    return (count - 1).bit_length()


def nbytes(size: int, count: int) -> int:
    """Bytes of `size` integers in [0, count)."""
    return -(-size * width(count) // 8)


@dataclasses.dataclass(frozen=True, eq=False)
class PackedIntegers:
    """Integers in [0, count), in `width(count)` bits each, lowest bit first.

    Attributes:
      data: the bits, uint8 (ceil(size width / 8),), lowest bit of a byte first; the
        bits after the last integer are zero.
      size: number of integers.
      count: exclusive upper bound of the integers, at most 2^32.
    """

    data: NDArray[np.uint8]
    size: int
    count: int

    def take(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """The integers at places (n,), each in [0, size)."""
        bits = width(self.count)
        if not bits:
            return np.zeros(places.shape, np.int64)
        first, shift = np.divmod(places.astype(np.int64) * bits, 8)
        words = np.zeros(places.shape, np.uint64)
        # An integer begins up to 7 bits into its first byte.
        for i in range((bits + 14) // 8):
            # The last integers may end before the final byte.
            found = self.data[np.minimum(first + i, self.data.size - 1)]
            words |= found.astype(np.uint64) << np.uint64(8 * i)
        mask = np.uint64((1 << bits) - 1)
        return (words >> shift.astype(np.uint64) & mask).astype(np.int64)


def pack(integers: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """Packs integers (n,), each in [0, count) with count at most 2^32."""
    bits = width(count)
    if not bits:
        return np.zeros(0, np.uint8)
    chunks = []
    for begin in range(0, integers.size, _CHUNK):
        words = integers[begin : begin + _CHUNK].astype("<u4")
        apart = np.unpackbits(words.view(np.uint8), bitorder="little")
        chunks.append(np.packbits(apart.reshape(-1, 32)[:, :bits], bitorder="little"))
    return np.concatenate([np.zeros(0, np.uint8), *chunks])


def unpack(tensors: Tensors, name: str, size: int, count: int) -> PackedIntegers:
    """Reads `size` integers that `pack` packed, and checks each of them.

    Raises:
      ValueError: naming the error.
    """
    data = tensors.take(name, _BYTES, nbytes(size, count))
    integers = PackedIntegers(data, size, count)
    if not width(count):
        return integers
    for begin in range(0, size, _CHUNK):
        places = np.arange(begin, min(begin + _CHUNK, size))
        if (largest := int(integers.take(places).max())) >= count:
            raise ValueError(f"{name!r} holds {largest}, expected less than {count}")
    used = size * width(count) % 8
    if used and data[-1] >> used:
        raise ValueError(f"the unused bits at the end of {name!r} are not zero")
    return integers
