"""Hash embeddings: the shared rows, each object's weights, and the hash functions."""

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
class HashRows(Rows):
    """Shared rows and weights.

    Attributes:
      embedding: the rows, (m, r), in the dtype of the sums.
      weights: weights of each object's rows, (V, h), as stored.
      hashes: a and b of each hash `(a v + b) mod (2^31 - 1) mod m`, int64 (h, 2).
      append_weights: whether the weights are the last features of a vector.
      dtype: name of the dtype of `weights`.
    """

    embedding: NDArray[Any]
    weights: NDArray[Any]
    hashes: NDArray[np.int64]
    append_weights: bool
    dtype: str

    @property
    def num_params(self) -> int:
        """Every entry of rows and weights; hash functions are not counted."""
        return self.embedding.size + self.weights.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The weighted sum of the rows of each id, in the order of the hashes."""
        weights = floats.widen(self.weights[ids], self.dtype)
        total = np.zeros((ids.size, self.embedding.shape[1]), self.embedding.dtype)
        keys = ids.astype(np.int64)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for weight, (a, b) in zip(weights.T, self.hashes, strict=True):
                buckets = (a * keys + b) % _PRIME % self.embedding.shape[0]
                # On a CPU, XLA treats subnormal numbers as zeros.
                row = floats.flush(self.embedding[buckets])
                product = floats.flush(floats.flush(weight)[:, None] * row)
                total = floats.flush(total + product)
        return np.hstack([total, weights]) if self.append_weights else total

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shapes = {
            "embedding": (emb.num_buckets, emb.row_features),
            "weights": (emb.num_embeddings, emb.num_hashes),
        }
        tensors: dict[str, NDArray[Any]] = {}
        for name, shape in shapes.items():
            array = to_numpy(getattr(params, name), name, *shape)
            tensors[name] = store(array, name, stored_dtype)
        num_params = sum(array.size for array in tensors.values())
        tensors["hashes"] = np.array(emb.hash_coefficients, np.uint32)
        options = {
            "num_buckets": emb.num_buckets,
            "num_hashes": emb.num_hashes,
            "row_features": emb.row_features,
        }
        return Packed(tensors, options, num_params)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "HashRows":
        """See `Rows.unpack`."""
        options = header.options
        if options.keys() != {"num_buckets", "num_hashes", "row_features"}:
            raise ValueError(
                f"options are {options!r}, expected num_buckets, num_hashes and "
                "row_features"
            )
        if header.num_embeddings > _PRIME:
            raise ValueError(f"num_embeddings is {header.num_embeddings}, above 2^31")
        buckets, hashes, row_features = (
            options[name] for name in ("num_buckets", "num_hashes", "row_features")
        )
        appended = header.features - row_features
        if appended not in (0, hashes):
            raise ValueError(
                f"row_features is {row_features}, expected {header.features} or "
                f"{hashes} less"
            )
        stored = (floats.storage(header.stored_dtype),)
        table = tensors.take("embedding", stored, buckets, row_features)
        table = floats.widen(table, header.stored_dtype)
        weights = tensors.take("weights", stored, header.num_embeddings, hashes)
        check_finite(table, "embedding")
        check_finite(floats.widen(weights, header.stored_dtype), "weights")
        words = (np.dtype(np.uint32),)
        functions = tensors.take("hashes", words, hashes, 2)
        if functions.max() >= _PRIME or not functions[:, 0].all():
            raise ValueError("'hashes' holds a coefficient that is out of range")
        return cls(
            table,
            weights,
            functions.astype(np.int64),
            append_weights=appended > 0,
            dtype=header.stored_dtype,
        )
