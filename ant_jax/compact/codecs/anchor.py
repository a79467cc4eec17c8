"""Anchor & Transform, E = T A: A as it is and T in compressed rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import UNSIGNED, Tensors, narrowest

# Rows in flight: few enough for their sums to stay in the cache.
_BLOCK = 4096
# Rows of T compressed at a time: bounds what saving needs on top of T.
_CHUNK = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class AnchorRows(Rows):
    """A and T, summed as `ant_jax.embeddings.combine` sums them.

    The sum over anchors runs in ascending order, each product rounded and then added,
    starting from zero. A zero of T adds nothing, so only stored entries are visited.

    Attributes:
      anchors: A, (K, d), in the dtype of the sums.
      values: non-zeros of T, (nnz,), row after row, as stored.
      indices: their columns, (nnz,), unsigned.
      starts: where each row starts in `values`, (V + 1,), unsigned.
      dtype: name of the dtype of `values`.
      subnormal: whether a product or a sum might be subnormal, see `_add_all`.
    """

    anchors: NDArray[Any]
    values: NDArray[Any]
    indices: NDArray[Any]
    starts: NDArray[Any]
    dtype: str
    subnormal: bool

    @property
    def num_params(self) -> int:
        """K d + nnz(T)."""
        return self.anchors.size + self.values.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`T[ids] A`."""
        out = np.empty((ids.size, self.anchors.shape[1]), self.anchors.dtype)
        add = self._add_all if self.subnormal else self._add_stored
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for begin in range(0, ids.size, _BLOCK):
                block = slice(begin, begin + _BLOCK)
                add(ids[block], out[block])
        return out

    def _add_stored(self, ids: NDArray[np.intp], out: NDArray[Any]) -> None:
        starts = self.starts[ids].astype(np.intp)
        counts = self.starts[ids + 1].astype(np.intp) - starts
        # By ascending count the rows that have a j-th entry are the last ones.
        order = np.argsort(counts, kind="stable")
        starts, counts = starts[order], counts[order]
        total = np.zeros_like(out)
        product = np.empty_like(out)
        firsts = np.searchsorted(counts, np.arange(counts[-1]), side="right")
        for j, first in enumerate(firsts):
            entries = starts[first:] + j
            part = product[first:]
            # The indices were checked when they were read, so nothing is clipped; it
            # only spares the buffer that mode="raise" needs.
            self.anchors.take(self.indices[entries], axis=0, out=part, mode="clip")
            part *= floats.widen(self.values[entries], self.dtype)[:, None]
            total[first:] += part
        out[order] = total

    def _add_all(self, ids: NDArray[np.intp], out: NDArray[Any]) -> None:
        """XLA's way where numbers are so small that its flushing to zero can show.

        The zeros of T count here: a sum that was flushed to -0 and meets a product +0
        becomes +0.
        """
        starts = self.starts[ids].astype(np.intp)
        counts = self.starts[ids + 1].astype(np.intp) - starts
        rows = np.repeat(np.arange(ids.size), counts)
        entries = np.arange(rows.size) + np.repeat(
            starts - _exclusive_sum(counts), counts
        )
        weights = np.zeros((ids.size, self.anchors.shape[0]), self.anchors.dtype)
        values = floats.flush(floats.widen(self.values[entries], self.dtype))
        weights[rows, self.indices[entries]] = values
        out[...] = 0
        for weight, anchor in zip(weights.T, floats.flush(self.anchors), strict=True):
            out[...] = floats.flush(out + floats.flush(weight[:, None] * anchor))

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        anchors = to_numpy(params.anchors, "anchors", emb.num_anchors, emb.features)
        shape = emb.num_embeddings, emb.num_anchors
        transform = to_numpy(params.transform, "transform", *shape)
        columns = np.arange(emb.num_anchors, dtype=narrowest(emb.num_anchors - 1))
        values, indices, counts = [], [], []
        for begin in range(0, emb.num_embeddings, _CHUNK):
            chunk = transform[begin : begin + _CHUNK]
            chunk = store(chunk, "transform", stored_dtype)
            stays = floats.widen(chunk, stored_dtype) != 0
            values.append(chunk[stays])
            indices.append(np.broadcast_to(columns, chunk.shape)[stays])
            counts.append(np.count_nonzero(stays, axis=1))
        per_row = np.concatenate(counts)
        tensors = {
            "anchors": store(anchors, "anchors", stored_dtype),
            "transform.values": np.concatenate(values),
            "transform.indices": np.concatenate(indices),
            "transform.counts": per_row.astype(narrowest(int(per_row.max()))),
        }
        num_params = anchors.size + tensors["transform.values"].size
        return Packed(tensors, {"num_anchors": emb.num_anchors}, num_params)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "AnchorRows":
        """See `Rows.unpack`."""
        if header.options.keys() != {"num_anchors"}:
            raise ValueError(f"options are {header.options!r}, expected num_anchors")
        num_anchors = header.options["num_anchors"]
        dtype = header.stored_dtype
        stored = (floats.storage(dtype),)
        anchors = floats.widen(
            tensors.take("anchors", stored, num_anchors, header.features), dtype
        )
        check_finite(anchors, "anchors")
        values = tensors.take("transform.values", stored, None)
        wide = floats.widen(values, dtype)
        check_finite(wide, "transform.values")
        if not wide.all():
            raise ValueError("'transform.values' holds a zero, which is never stored")
        indices = tensors.take("transform.indices", UNSIGNED, values.size)
        counts = tensors.take("transform.counts", UNSIGNED, header.num_embeddings)
        starts = _starts(counts, values.size)
        _check_columns(indices, starts, num_anchors)
        return cls(
            anchors, values, indices, starts, dtype, _may_be_subnormal(anchors, wide)
        )


def _exclusive_sum(counts: NDArray[Any]) -> NDArray[Any]:
    return np.cumsum(counts) - counts


def _starts(counts: NDArray[Any], size: int) -> NDArray[Any]:
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, dtype=np.int64, out=starts[1:])
    if starts[-1] != size:
        raise ValueError(
            f"'transform.counts' sums to {starts[-1]}, but there are {size} values"
        )
    return starts.astype(np.uint32) if size <= np.iinfo(np.uint32).max else starts


def _check_columns(
    indices: NDArray[Any], starts: NDArray[Any], num_anchors: int
) -> None:
    if indices.size and (largest := int(indices.max())) >= num_anchors:
        raise ValueError(
            f"'transform.indices' holds {largest}, but there are {num_anchors} anchors"
        )
    ascends = np.append(indices[1:] > indices[:-1], True)
    ends = starts[1:][starts[1:] > 0] - 1
    ascends[ends] = True
    if not ascends[: indices.size].all():
        row = int(np.searchsorted(starts, np.argmin(ascends), side="right")) - 1
        raise ValueError(f"'transform.indices' does not ascend within row {row}")


def _may_be_subnormal(anchors: NDArray[Any], values: NDArray[Any]) -> bool:
    """Whether products or their sums might be subnormal.

    They cannot be if no factor is and no product lies below tiny / eps: then every sum
    is a multiple of tiny.
    """
    limits = np.finfo(anchors.dtype)
    tiny, eps = float(limits.tiny), float(limits.eps)
    nonzero = np.abs(anchors[anchors != 0])
    if not nonzero.size or not values.size:
        return False
    anchor, value = float(nonzero.min()), float(np.abs(values).min())
    return min(anchor, value) < tiny or anchor * value < tiny / eps
