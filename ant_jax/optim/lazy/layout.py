"""A row of a table and its optimizer state as adjacent words.

Reading or writing a row then touches only the few cache lines that it occupies, and a
table is one buffer, which a step reads once and writes once. Words are integers, since
integers stored as floats may be taken for subnormal numbers and flushed to zero.
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
_GRAIN = 8  # words; rows of whole grains allow vector copies and span few cache lines


class Row(NamedTuple):
    """Unpacked rows.

    Attributes:
      values: float (rows, columns).
      slots: the optimizer's arrays by name, float (rows, columns) each.
      free: bool (rows, columns), True where there is no penalty; to be packed, it may
        also be words of bits, int32 (rows, words). None without such a mask.
      settled: step count that each row is up to date with, int32 (rows,).
    """

    values: Float[Array, "rows columns"]
    slots: dict[str, Float[Array, "rows columns"]]
    free: Bool[Array, "rows columns"] | Int[Array, "rows words"] | None
    settled: Int[Array, " rows"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The position of everything in a row of words.

    The first word is scratch, `place`, and the last is `settled`: each is accessed by
    itself before the row is read, which brings its cache line near.

    Attributes:
      columns: number of values in a row.
      slots: names of the optimizer's arrays.
      dtype: name of the dtype of values, "float32" or "float64".
      halved: whether slots are stored in bfloat16, two to a word.
      masked: whether there is a bit for every value, set where it has no penalty.
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
        """Packs rows into words.

        Args:
          row: the rows.
          place: scratch word of each row, int32 (rows,).

        Returns:
          Words, integers (rows, width).
        """
        parts = [place.astype(self.word)[:, None], self._bits(row.values)]
        # The noise of rounding differs between rows of a batch and steps of a row.
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
        """Unpacks words into rows.

        Args:
          words: integers (rows, width).

        Returns:
          The rows.
        """
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
    """A mask in the shape of a table, or the words that a sparse mask is stored in.

    Args:
      unpenalized: booleans that broadcast to the shape, or a sparse SciPy array of
        exactly that shape.
      shape: shape of the table.

    Returns:
      Booleans of that shape, or int32 (rows, words).

    Raises:
      ValueError: the mask is not boolean or does not fit the shape.
    """
    # SciPy's sparse arrays are recognized by a method, and never made dense.
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
