"""The full table, stored densely."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class FullRows(Rows):
    """The table.

    Attributes:
      embedding: E, (V, d), as stored.
      dtype: name of the dtype of `embedding`.
    """

    embedding: NDArray[Any]
    dtype: str

    @property
    def num_params(self) -> int:
        """V d."""
        return self.embedding.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`E[ids]`."""
        return floats.widen(self.embedding[ids], self.dtype)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_embeddings, emb.features
        table = to_numpy(params.embedding, "embedding", *shape)
        stored = store(table, "embedding", stored_dtype)
        return Packed({"embedding": stored}, {}, stored.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "FullRows":
        """See `Rows.unpack`."""
        dtype = header.stored_dtype
        table = tensors.take(
            "embedding",
            (floats.storage(dtype),),
            header.num_embeddings,
            header.features,
        )
        check_finite(floats.widen(table, dtype), "embedding")
        return cls(table, dtype)
