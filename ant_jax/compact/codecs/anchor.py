"""Anchor & Transform, E = T A: A is stored densely and T in compressed rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import compressed
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.codecs.product import BLOCK, may_be_subnormal, ordered_product
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class AnchorRows(Rows):
    """A and T, whose product is summed as in `ant_jax.ops.combine`.

    The sum over anchors runs in ascending order from zero, and each product is rounded
    before it is added. A zero of T adds nothing, so only stored entries are visited.

    Attributes:
      anchors: A, (K, d), in the dtype of the sums.
      transform: T, (V, K).
      subnormal: whether a product or a sum might be subnormal, see `product`.
    """

    anchors: NDArray[Any]
    transform: compressed.CompressedRows
    subnormal: bool

    @property
    def num_params(self) -> int:
        """K d + nnz(T)."""
        return self.anchors.size + self.transform.values.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`T[ids] A`."""
        out = np.empty((ids.size, self.anchors.shape[1]), self.anchors.dtype)
        product = self._dense_product if self.subnormal else self._sparse_product
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for begin in range(0, ids.size, BLOCK):
                block = slice(begin, begin + BLOCK)
                out[block] = product(ids[block])
        return out

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """See `Rows.factors`."""
        rows = np.arange(self.transform.starts.size - 1)
        return self.transform.dense(rows), self.anchors

    def _dense_product(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        # The zeros of T matter here: adding their product +0 turns a sum that was
        # flushed to -0 into +0.
        return ordered_product(self.transform.dense(ids), self.anchors, subnormal=True)

    def _sparse_product(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        starts, counts = self.transform.spans(ids)
        # Sorted by count, the rows that have a j-th entry are the last ones.
        order = np.argsort(counts, kind="stable")
        starts, counts = starts[order], counts[order]
        total = np.zeros((ids.size, self.anchors.shape[1]), self.anchors.dtype)
        product = np.empty_like(total)
        firsts = np.searchsorted(counts, np.arange(counts[-1]), side="right")
        for j, first in enumerate(firsts):
            entries = starts[first:] + j
            part = product[first:]
            # Indices were checked when they were read, so nothing is clipped; this only
            # saves the buffer that mode="raise" needs.
            columns = self.transform.indices[entries]
            self.anchors.take(columns, axis=0, out=part, mode="clip")
            part *= self.transform.wide(entries)[:, None]
            total[first:] += part
        out = np.empty_like(total)
        out[order] = total
        return out

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        anchors = to_numpy(params.anchors, "anchors", emb.num_anchors, emb.features)
        shape = emb.num_embeddings, emb.num_anchors
        transform = to_numpy(params.transform, "transform", *shape)
        tensors = {
            "anchors": store(anchors, "anchors", stored_dtype),
            **compressed.pack(transform, "transform", stored_dtype),
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
        transform, values = compressed.unpack(header, tensors, "transform", num_anchors)
        return cls(anchors, transform, may_be_subnormal(values, anchors))
