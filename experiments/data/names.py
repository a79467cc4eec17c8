"""Tens of millions of names in one Arrow array instead of as many Python strings."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow as pa

_CHUNK = 65_536


class Names(Sequence[str]):
    """An immutable sequence of strings that takes their bytes and 8 more for each.

    A tuple of Python strings takes some 70 bytes more for each: at 60 million names
    4 GB instead of 0.5. What is taken out is an ordinary string.
    """

    def __init__(self, names: Iterable[str] | pa.Array) -> None:
        """Copies names, or takes an Arrow array of strings without nulls.

        Raises:
          ValueError: the array holds nulls.
          TypeError: a name is not a string.
        """
        if not isinstance(names, pa.Array):
            try:
                names = pa.array(list(names), pa.large_string())
            except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
                raise TypeError(f"Names must be strings: {error}") from error
        self._values = names.cast(pa.large_string())
        if self._values.null_count:
            raise ValueError(f"{self._values.null_count} names are absent.")

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "Names": ...

    def __getitem__(self, index: int | slice) -> "str | Names":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return Names(self._values.slice(start, max(stop - start, 0)))
            return self.take(np.arange(start, stop, step))
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"{position} is outside {len(self)} names.")
        name: str = self._values[position % len(self)].as_py()
        return name

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _CHUNK):
            yield from self._values.slice(start, _CHUNK).to_pylist()

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"Names([{shown}{', ...' if len(self) > 3 else ''}], {len(self)} names)"

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the names take."""
        return int(self._values.nbytes)

    def take(self, positions: np.ndarray) -> "Names":
        """Returns the names at these positions: integers (n,), each in [0, len)."""
        return Names(self._values.take(pa.array(positions)))


def as_names(names: Sequence[str]) -> Names:
    """Returns the names themselves if they are `Names`, else a copy that is."""
    return names if isinstance(names, Names) else Names(names)


def join(pieces: list[pa.Array]) -> Names:
    """Returns the strings of all pieces, and empties the list to free their memory."""
    joined = Names(pa.concat_arrays(pieces))
    pieces.clear()
    return joined
