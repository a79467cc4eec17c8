"""A row of a table with its optimizer's state as words that lie side by side.

Reading and writing a row then costs the few cache lines it lies in, and a table is one
buffer, which a step reads once and writes once. The words are integers, since floats
that are integers in disguise may be taken for subnormal numbers and flushed to zero.
"""

import contextlib
import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ant_jax.optim.lazy import halves

_WORDS = {"float32": jnp.int32, "float64": jnp.int64}
_GRAIN = 8  # words; rows of whole grains are copied by vector and cut few cache lines


class Row(NamedTuple):
    """Rows taken apart."""

    values: Float[Array, "rows columns"]
    slots: dict[str, Float[Array, "rows columns"]]
    # True: without penalty. What is to be packed may be words of bits already.
    free: Bool[Array, "rows columns"] | Int[Array, "rows words"] | None
    settled: Int[Array, " rows"]  # step count up to which the row has been moved


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which word of a row holds what.

    The first word is scratch, `place`, and the last is `settled`: each is touched by
    itself before the row is read, which brings its cache line near.

    Attributes:
      columns: values in a row.
      slots: names of the optimizer's arrays.
      dtype: name of the dtype of values, "float32" or "float64".
      halved: whether slots are stored in bfloat16, two to a word.
      masked: whether a bit for every value says that it goes without penalty.
    """

    columns: int
    slots: tuple[str, ...]
    dtype: str
    halved: bool = False
    masked: bool = False

    @property
    def word(self) -> Any:
        """The integer dtype of a word, as wide as the values."""
        return _WORDS[self.dtype]

    @property
    def width(self) -> int:
        """Words in a row."""
        words = 2 + self.columns + len(self.slots) * self._slot_words + self._mask_words
        if words > _GRAIN:
            return -(-words // _GRAIN) * _GRAIN
        return 1 << (words - 1).bit_length()

    @property
    def _slot_words(self) -> int:
        return -(-self.columns // 2) if self.halved else self.columns

    @property
    def _mask_words(self) -> int:
        return -(-self.columns // 32) if self.masked else 0

    def pack(self, row: Row, place: Int[Array, " rows"]) -> Int[Array, "rows width"]:
        """Rows as words."""
        parts = [place.astype(self.word)[:, None], self._bits(row.values)]
        # Neither rows of a batch nor steps of a row share what they are rounded by.
        seed = row.settled + place * jnp.int32(0x01000193)
        for name in self.slots:
            slot = row.slots[name]
            if self.halved:
                parts.append(halves.join(slot, seed))
            else:
                parts.append(self._bits(slot))
        if row.free is not None:
            packed = row.free.dtype != jnp.bool_
            bits = row.free if packed else _pack_bits(row.free)
            parts.append(bits.astype(self.word))
        padding = self.width - 1 - sum(part.shape[1] for part in parts)
        if padding:
            parts.append(jnp.zeros((len(place), padding), self.word))
        parts.append(row.settled.astype(self.word)[:, None])
        return jnp.concatenate(parts, axis=1)

    def unpack(self, words: Int[Array, "rows width"]) -> Row:
        """Words as rows."""
        taken = 1

        def take(count: int) -> Array:
            nonlocal taken
            taken += count
            return words[:, taken - count : taken]

        values = self._floats(take(self.columns))
        slots = {}
        for name in self.slots:
            slot = take(self._slot_words)
            if self.halved:
                slots[name] = halves.part(slot)[:, : self.columns]
            else:
                slots[name] = self._floats(slot)
        free = None
        if self.masked:
            free = _unpack_bits(take(self._mask_words))[:, : self.columns]
        return Row(values, slots, free, words[:, -1].astype(jnp.int32))

    def _bits(self, x: Array) -> Array:
        return lax.bitcast_convert_type(x, self.word)

    def _floats(self, x: Array) -> Array:
        return lax.bitcast_convert_type(x, jnp.dtype(self.dtype))


def as_mask(
    unpenalized: Any, shape: tuple[int, ...]
) -> Bool[Array, "rows columns"] | Int[Array, "rows words"]:
    """A mask of the shape of a table; of a sparse one, the words that it is stored in.

    Raises:
      ValueError: it is not boolean, or does not broadcast to that shape.
    """
    # Sparse arrays of SciPy's are known by what they can do, and never made dense.
    sparse = hasattr(unpenalized, "tocoo")
    mask: Any = unpenalized if sparse else jnp.asarray(unpenalized)
    if mask.dtype != jnp.bool_:
        raise ValueError(f"unpenalized must be boolean, got {mask.dtype}.")
    if sparse and mask.shape == shape:
        return _sparse_bits(mask.tocoo())
    if not sparse:
        with contextlib.suppress(ValueError):
            return jnp.broadcast_to(mask, shape)
    raise ValueError(
        f"unpenalized of shape {mask.shape} does not fit a table of shape {shape}."
    )


def _sparse_bits(mask: Any) -> Int[Array, "rows words"]:
    rows, columns = (index[mask.data] for index in mask.coords)
    columns = columns.astype(np.uint32)
    words = np.zeros((mask.shape[0], -(-mask.shape[1] // 32)), np.uint32)
    np.bitwise_or.at(words, (rows, columns // 32), np.uint32(1) << columns % 32)
    return jnp.asarray(words.view(np.int32))


def _pack_bits(free: Bool[Array, "rows columns"]) -> Array:
    rows, columns = free.shape
    bits = jnp.pad(free, [(0, 0), (0, -columns % 32)]).reshape(rows, -1, 32)
    shifts = jnp.arange(32, dtype=jnp.uint32)[None, None]
    words = jnp.sum(bits.astype(jnp.uint32) << shifts, axis=-1, dtype=jnp.uint32)
    return lax.bitcast_convert_type(words, jnp.int32)


def _unpack_bits(words: Array) -> Array:
    shifts = jnp.arange(32, dtype=words.dtype)[None, None]
    return ((words[:, :, None] >> shifts) & 1).reshape(words.shape[0], -1) != 0
