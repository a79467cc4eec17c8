"""Vocabulary selection: the kept rows, the shared row, and the mask of kept objects."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import masks
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors, narrowest


@dataclasses.dataclass(frozen=True, eq=False)
class SelectedRows(Rows):
    """The rows, and the row of each object.

    Attributes:
      embedding: the rows, (u + 1, d), as stored, the shared row last.
      rows: the row of each object, (V,), unsigned.
      dtype: name of the dtype of `embedding`.
    """

    embedding: NDArray[Any]
    rows: NDArray[Any]
    dtype: str

    @property
    def num_params(self) -> int:
        """(u + 1) d."""
        return self.embedding.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The row of each id, or the shared row."""
        return floats.widen(self.embedding[self.rows[ids]], self.dtype)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        num_rows = len(emb.kept) + 1
        table = to_numpy(params.embedding, "embedding", num_rows, emb.features)
        tensors = {
            "embedding": store(table, "embedding", stored_dtype),
            **masks.pack(emb.rows != len(emb.kept), "kept"),
        }
        return Packed(tensors, {"num_rows": num_rows}, table.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "SelectedRows":
        """See `Rows.unpack`."""
        if header.options.keys() != {"num_rows"}:
            raise ValueError(f"options are {header.options!r}, expected num_rows")
        num_rows, dtype = header.options["num_rows"], header.stored_dtype
        stored = (floats.storage(dtype),)
        table = tensors.take("embedding", stored, num_rows, header.features)
        check_finite(floats.widen(table, dtype), "embedding")
        kept = masks.unpack(tensors, "kept", header.num_embeddings)
        if (found := int(np.count_nonzero(kept))) != num_rows - 1:
            raise ValueError(f"{found} objects are kept, expected {num_rows - 1}")
        rows = np.full(kept.size, num_rows - 1, narrowest(num_rows - 1))
        rows[kept] = np.arange(num_rows - 1, dtype=rows.dtype)
        return cls(table, rows, dtype)
