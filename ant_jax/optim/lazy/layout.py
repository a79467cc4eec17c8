"""A row of a table with its optimizer's state as words that lie side by side.

Reading and writing a row then costs the few cache lines it lies in, and a table is one
buffer, which a step reads once and writes once. The words are integers, since floats
that are integers in disguise may be taken for subnormal numbers and flushed to zero.
"""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

_LINE = 16  # words of 4 bytes in a cache line


class Row(NamedTuple):
    """Rows taken apart."""

    values: Float[Array, "rows columns"]
    slots: dict[str, Float[Array, "rows columns"]]
    free: Bool[Array, "rows columns"] | None  # True: without penalty
    settled: Int[Array, " rows"]  # step count up to which the row has been moved


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which word of a row holds what.

    The first word is scratch, `position`, and the last is `settled`: each is read on its
    own before the row is, which brings its cache line near.

    Attributes:
      columns: values in a row.
      slots: names of the optimizer's arrays.
      masked: whether a bit for every value says that it goes without penalty.
      dtype: name of the dtype of values and slots.
    """

    columns: int
    slots: tuple[str, ...]
    masked: bool
    dtype: str

    @property
    def word(self) -> Any:
        """The integer dtype of a word, as wide as the floats."""
        return {4: jnp.int32, 8: jnp.int64}[jnp.dtype(self.dtype).itemsize]

    @property
    def width(self) -> int:
        """Words in a row: a power of two or whole cache lines, so that few are cut."""
        words = 2 + self.columns * (1 + len(self.slots)) + self._mask_words
        if words > _LINE:
            return -(-words // _LINE) * _LINE
        return 1 << (words - 1).bit_length()

    @property
    def _mask_words(self) -> int:
        return -(-self.columns // 32) if self.masked else 0

    def pack(self, row: Row, position: Int[Array, " rows"]) -> Int[Array, "rows width"]:
        """Rows as words."""
        parts = [position.astype(self.word)[:, None], self._bits(row.values)]
        parts += [self._bits(row.slots[name]) for name in self.slots]
        if row.free is not None:
            parts.append(self._pack_mask(row.free))
        used = sum(part.shape[1] for part in parts)
        padding = self.width - 1 - used
        if padding:
            parts.append(jnp.zeros((len(position), padding), self.word))
        parts.append(row.settled.astype(self.word)[:, None])
        return jnp.concatenate(parts, axis=1)

    def unpack(self, words: Int[Array, "rows width"]) -> Row:
        """Words as rows."""
        start, fields = 1, []
        for _ in range(1 + len(self.slots)):
            field = words[:, start : start + self.columns]
            fields.append(lax.bitcast_convert_type(field, jnp.dtype(self.dtype)))
            start += self.columns
        free = None
        if self.masked:
            free = self._unpack_mask(words[:, start : start + self._mask_words])
        slots = dict(zip(self.slots, fields[1:], strict=True))
        return Row(fields[0], slots, free, words[:, -1].astype(jnp.int32))

    def _bits(self, x: Array) -> Array:
        return lax.bitcast_convert_type(x, self.word)

    def _pack_mask(self, free: Array) -> Array:
        rows = free.shape[0]
        padding = self._mask_words * 32 - self.columns
        bits = jnp.pad(free, [(0, 0), (0, padding)]).reshape(rows, -1, 32)
        shifts = jnp.arange(32, dtype=jnp.uint32)
        words = jnp.sum(bits.astype(jnp.uint32) << shifts[None, None], axis=-1)
        return words.astype(jnp.uint32).astype(self.word)

    def _unpack_mask(self, words: Array) -> Array:
        shifts = jnp.arange(32, dtype=words.dtype)
        bits = (words[:, :, None] >> shifts[None, None]) & 1
        return bits.reshape(words.shape[0], -1)[:, : self.columns] != 0
