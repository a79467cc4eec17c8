"""Sparse matrices in compressed rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import bits, masks
from ant_jax.compact.codecs.base import check_finite, store
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import UNSIGNED, Tensors, narrowest

# Rows compressed at a time, which bounds the memory for saving beside the matrix.
_CHUNK = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class CompressedRows:
    """A matrix of which only the non-zeros are stored, row after row.

    Attributes:
      values: the non-zeros, (nnz,), as stored.
      indices: their columns, (nnz,), unsigned, ascending within a row.
      starts: index in `values` at which each row starts, (rows + 1,), unsigned.
      columns: number of columns.
      dtype: name of the dtype of `values`.
    """

    values: NDArray[Any]
    indices: NDArray[Any]
    starts: NDArray[Any]
    columns: int
    dtype: str

    def spans(self, ids: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The start of each of these rows in `values`, and its number of values."""
        starts = self.starts[ids].astype(np.intp)
        return starts, self.starts[ids + 1].astype(np.intp) - starts

    def wide(self, entries: NDArray[np.intp]) -> NDArray[Any]:
        """Some of the values, in the dtype in which they are summed."""
        return floats.widen(self.values[entries], self.dtype)

    def dense(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """Rows (n, columns) including zeros, in the dtype in which they are summed."""
        starts, counts = self.spans(ids)
        rows = np.repeat(np.arange(ids.size), counts)
        firsts = np.cumsum(counts) - counts
        entries = np.arange(rows.size) + np.repeat(starts - firsts, counts)
        out = np.zeros((ids.size, self.columns), floats.computation(self.dtype))
        out[rows, self.indices[entries]] = self.wide(entries)
        return out


def pack(
    matrix: NDArray[Any], name: str, stored_dtype: str, *, flush: bool = False
) -> dict[str, NDArray[Any]]:
    """The tensors of a matrix: its values, their columns, and the counts of the rows.

    They are `name.values`; `name.columns`, packed into bits, or `name.indices` where
    these take no more bytes; and `name.counts` of all rows, or of the rows in the mask
    `name.filled` where that is shorter.

    Args:
      matrix: float (rows, columns).
      name: name of the matrix, in tensors and errors.
      stored_dtype: name of the dtype to round to; entries that are zero then are not
        stored.
      flush: whether subnormal numbers are zeros, as for XLA on a CPU.

    Returns:
      The tensors by name.

    Raises:
      ValueError: an entry is NaN or infinite.
    """
    columns = np.arange(matrix.shape[1], dtype=narrowest(matrix.shape[1] - 1))
    values, indices, counts = [], [], []
    for begin in range(0, matrix.shape[0], _CHUNK):
        chunk = store(matrix[begin : begin + _CHUNK], name, stored_dtype)
        wide = floats.widen(chunk, stored_dtype)
        stays = (floats.flush(wide) if flush else wide) != 0
        values.append(chunk[stays])
        indices.append(np.broadcast_to(columns, chunk.shape)[stays])
        counts.append(np.count_nonzero(stays, axis=1))
    per_row = np.concatenate(counts)
    return {
        f"{name}.values": np.concatenate(values),
        **_pack_columns(np.concatenate(indices), matrix.shape[1], name),
        **_pack_counts(per_row.astype(narrowest(int(per_row.max()))), name),
    }


def unpack(
    header: Header, tensors: Tensors, name: str, columns: int
) -> tuple[CompressedRows, NDArray[Any]]:
    """Reads and checks a matrix with V rows that `pack` packed.

    Returns:
      The rows, and their values in the dtype in which they are summed.

    Raises:
      ValueError: naming the error.
    """
    dtype = header.stored_dtype
    values = tensors.take(f"{name}.values", (floats.storage(dtype),), None)
    wide = floats.widen(values, dtype)
    check_finite(wide, f"{name}.values")
    if not wide.all():
        raise ValueError(f"'{name}.values' holds a zero, which is never stored")
    indices = _unpack_columns(tensors, values.size, columns, name)
    counts = _unpack_counts(tensors, header.num_embeddings, name)
    starts = _starts(counts, values.size, name)
    _check_columns(indices, starts, columns, name)
    return CompressedRows(values, indices, starts, columns, dtype), wide


def _pack_columns(
    indices: NDArray[Any], columns: int, name: str
) -> dict[str, NDArray[Any]]:
    packed = bits.pack(indices, columns)
    if packed.nbytes < indices.nbytes:
        return {f"{name}.columns": packed}
    return {f"{name}.indices": indices}


def _unpack_columns(
    tensors: Tensors, size: int, columns: int, name: str
) -> NDArray[Any]:
    if f"{name}.columns" not in tensors:
        return tensors.take(f"{name}.indices", UNSIGNED, size)
    packed = bits.unpack(tensors, f"{name}.columns", size, columns)
    indices = np.empty(size, narrowest(columns - 1))
    for begin in range(0, size, _CHUNK):
        places = np.arange(begin, min(begin + _CHUNK, size))
        indices[begin : begin + _CHUNK] = packed.take(places)
    return indices


def _pack_counts(counts: NDArray[Any], name: str) -> dict[str, NDArray[Any]]:
    filled = counts > 0
    mask = masks.pack(filled, f"{name}.filled")
    short = counts[filled]
    if short.nbytes + sum(part.nbytes for part in mask.values()) < counts.nbytes:
        return {f"{name}.counts": short, **mask}
    return {f"{name}.counts": counts}


def _unpack_counts(tensors: Tensors, size: int, name: str) -> NDArray[Any]:
    if not masks.is_in(tensors, f"{name}.filled"):
        return tensors.take(f"{name}.counts", UNSIGNED, size)
    filled = masks.unpack(tensors, f"{name}.filled", size)
    short = tensors.take(f"{name}.counts", UNSIGNED, int(np.count_nonzero(filled)))
    if not short.all():
        raise ValueError(f"'{name}.counts' holds a zero for a row with values")
    counts = np.zeros(size, short.dtype)
    counts[filled] = short
    return counts


def _starts(counts: NDArray[Any], size: int, name: str) -> NDArray[Any]:
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, dtype=np.int64, out=starts[1:])
    if starts[-1] != size:
        raise ValueError(
            f"'{name}.counts' sums to {starts[-1]}, but there are {size} values"
        )
    return starts.astype(np.uint32) if size <= np.iinfo(np.uint32).max else starts


def _check_columns(
    indices: NDArray[Any], starts: NDArray[Any], columns: int, name: str
) -> None:
    if indices.size and (largest := int(indices.max())) >= columns:
        raise ValueError(
            f"'{name}.indices' holds {largest}, but there are {columns} columns"
        )
    ascends = np.append(indices[1:] > indices[:-1], True)
    ends = starts[1:][starts[1:] > 0] - 1
    ascends[ends] = True
    if not ascends[: indices.size].all():
        row = int(np.searchsorted(starts, np.argmin(ascends), side="right")) - 1
        raise ValueError(f"'{name}.indices' does not ascend within row {row}")
