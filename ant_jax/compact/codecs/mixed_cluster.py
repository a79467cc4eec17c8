"""Full vectors for the first objects, and clusters for the others."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.codecs.cluster import ClusterRows
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class MixedClusterRows(Rows):
    """Full vectors and clusters.

    Attributes:
      frequent: vectors of the first u objects, (u, d), as stored.
      clusters: clusters of the other objects, numbered from 0.
      dtype: name of the dtype of `frequent`.
    """

    frequent: NDArray[Any]
    clusters: ClusterRows
    dtype: str

    @property
    def num_params(self) -> int:
        """(u + k) d; assignments are indices."""
        return self.frequent.size + self.clusters.num_params

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The full vector of each id, or that of its cluster."""
        own = ids < len(self.frequent)
        shape = ids.size, self.frequent.shape[1]
        out = np.empty(shape, floats.computation(self.dtype))
        out[own] = floats.widen(self.frequent[ids[own]], self.dtype)
        out[~own] = self.clusters.lookup(ids[~own] - len(self.frequent))
        return out

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_frequent, emb.features
        frequent = to_numpy(params.frequent, "frequent", *shape)
        shared = ClusterRows.pack(emb.clusters, params.clusters, stored_dtype)
        stored = store(frequent, "frequent", stored_dtype)
        return Packed(
            {"frequent": stored, **shared.tensors},
            {**shared.options, "num_frequent": emb.num_frequent},
            frequent.size + shared.num_params,
        )

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "MixedClusterRows":
        """See `Rows.unpack`."""
        options = dict(header.options)
        own, dtype = options.pop("num_frequent", 0), header.stored_dtype
        if not 0 < own < header.num_embeddings:
            raise ValueError(
                f"options are {header.options!r}, expected num_clusters and "
                f"num_frequent below {header.num_embeddings}"
            )
        stored = (floats.storage(dtype),)
        frequent = tensors.take("frequent", stored, own, header.features)
        check_finite(floats.widen(frequent, dtype), "frequent")
        others = dataclasses.replace(
            header, num_embeddings=header.num_embeddings - own, options=options
        )
        return cls(frequent, ClusterRows.unpack(others, tensors), dtype)
