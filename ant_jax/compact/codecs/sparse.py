"""A full table with many zeros, in compressed rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import compressed
from ant_jax.compact.codecs.base import Packed, Rows, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors

# Rows processed at a time, which bounds the memory of a lookup beside its result.
_BLOCK = 1 << 14


@dataclasses.dataclass(frozen=True, eq=False)
class SparseRows(Rows):
    """The non-zeros of a table.

    Attributes:
      embedding: E, (V, d), in compressed rows; zeros have no sign.
    """

    embedding: compressed.CompressedRows

    @property
    def num_params(self) -> int:
        """nnz(E)."""
        return self.embedding.values.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`E[ids]`."""
        dtype = floats.computation(self.embedding.dtype)
        out = np.empty((ids.size, self.embedding.columns), dtype)
        for begin in range(0, ids.size, _BLOCK):
            block = slice(begin, begin + _BLOCK)
            out[block] = self.embedding.dense(ids[block])
        return out

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_embeddings, emb.features
        table = to_numpy(params.embedding, "embedding", *shape)
        tensors = compressed.pack(table, "embedding", stored_dtype, flush=True)
        return Packed(tensors, {}, tensors["embedding.values"].size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "SparseRows":
        """See `Rows.unpack`."""
        rows, _ = compressed.unpack(header, tensors, "embedding", header.features)
        return cls(rows)
