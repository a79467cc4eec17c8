"""The hashing trick: the shared rows, and the hash functions."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors

_PRIME = 2**31 - 1


@dataclasses.dataclass(frozen=True, eq=False)
class HashingRows(Rows):
    """The rows that objects share.

    Attributes:
      embedding: the rows, (m, d), as stored.
      hashes: a and b of each hash `(a v + b) mod (2^31 - 1) mod m`, int64 (hashes, 2).
      dtype: name of the dtype of `embedding`.
    """

    embedding: NDArray[Any]
    hashes: NDArray[np.int64]
    dtype: str

    @property
    def num_params(self) -> int:
        """The m d entries of the rows; hash functions are not counted."""
        return self.embedding.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The row of each id, or the sum of its rows in the order of the hashes."""
        (a, b), *others = self.hashes
        total = self._rows(ids, a, b)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for a, b in others:
                # On a CPU, XLA treats subnormal numbers as zeros.
                row = floats.flush(self._rows(ids, a, b))
                total = floats.flush(floats.flush(total) + row)
        return total

    def _rows(self, ids: NDArray[np.intp], a: np.int64, b: np.int64) -> NDArray[Any]:
        buckets = (a * ids.astype(np.int64) + b) % _PRIME % self.embedding.shape[0]
        return floats.widen(self.embedding[buckets], self.dtype)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_buckets, emb.features
        table = to_numpy(params.embedding, "embedding", *shape)
        tensors = {
            "embedding": store(table, "embedding", stored_dtype),
            "hashes": np.array(emb.coefficients, np.uint32),
        }
        options = {"num_buckets": emb.num_buckets, "num_hashes": emb.num_hashes}
        return Packed(tensors, options, table.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "HashingRows":
        """See `Rows.unpack`."""
        options = header.options
        if options.keys() != {"num_buckets", "num_hashes"}:
            raise ValueError(
                f"options are {options!r}, expected num_buckets and num_hashes"
            )
        if header.num_embeddings > _PRIME:
            raise ValueError(f"num_embeddings is {header.num_embeddings}, above 2^31")
        dtype = header.stored_dtype
        shape = options["num_buckets"], header.features
        table = tensors.take("embedding", (floats.storage(dtype),), *shape)
        check_finite(floats.widen(table, dtype), "embedding")
        words = (np.dtype(np.uint32),)
        hashes = tensors.take("hashes", words, options["num_hashes"], 2)
        if hashes.max() >= _PRIME or not hashes[:, 0].all():
            raise ValueError("'hashes' holds a coefficient that is out of range")
        return cls(table, hashes.astype(np.int64), dtype)
