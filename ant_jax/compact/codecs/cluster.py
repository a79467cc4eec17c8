"""Clusters: their vectors, and ceil(log2 k) bits an object."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import bits
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class ClusterRows(Rows):
    """Cluster vectors and assignments.

    Attributes:
      embedding: vectors of the clusters, (k, d), as stored.
      assignments: the cluster of each object, (V,).
      dtype: name of the dtype of `embedding`.
    """

    embedding: NDArray[Any]
    assignments: bits.PackedIntegers
    dtype: str

    @property
    def num_params(self) -> int:
        """Every entry of the vectors, k d; assignments are indices."""
        return self.embedding.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The vector of the cluster of each id."""
        return floats.widen(self.embedding[self.assignments.take(ids)], self.dtype)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_embeddings, emb.num_clusters
        logits = to_numpy(params.logits, "logits", *shape)
        table = to_numpy(params.embedding, "embedding", emb.num_clusters, emb.features)
        tensors = {
            "embedding": store(table, "embedding", stored_dtype),
            "assignments": bits.pack(_argmax(logits), emb.num_clusters),
        }
        return Packed(tensors, {"num_clusters": emb.num_clusters}, table.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "ClusterRows":
        """See `Rows.unpack`."""
        if header.options.keys() != {"num_clusters"}:
            raise ValueError(f"options are {header.options!r}, expected num_clusters")
        num_clusters, dtype = header.options["num_clusters"], header.stored_dtype
        stored = (floats.storage(dtype),)
        table = tensors.take("embedding", stored, num_clusters, header.features)
        check_finite(floats.widen(table, dtype), "embedding")
        assignments = bits.unpack(
            tensors, "assignments", header.num_embeddings, num_clusters
        )
        return cls(table, assignments, dtype)


def _argmax(logits: NDArray[Any]) -> NDArray[np.intp]:
    # On a CPU, XLA treats subnormal numbers as zeros, also in comparisons.
    own = floats.name_of(logits.dtype)
    wide = floats.flush(logits.astype(floats.computation(own), copy=False))
    if np.isnan(wide).any():
        raise ValueError("logits holds NaN and cannot be saved.")
    return wide.argmax(axis=1)
