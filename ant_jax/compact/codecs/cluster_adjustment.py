"""Clusters with adjustments: two tables side by side."""

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
class ClusterAdjustmentRows(Rows):
    """Clusters and adjustments.

    Attributes:
      clusters: the first d - a numbers of each object.
      adjustment: the last a numbers of each object, (V, a), as stored.
      dtype: name of the dtype of `adjustment`.
    """

    clusters: ClusterRows
    adjustment: NDArray[Any]
    dtype: str

    @property
    def num_params(self) -> int:
        """Every entry of both tables, k (d - a) + V a; assignments are indices."""
        return self.clusters.num_params + self.adjustment.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The cluster vector of each id, followed by its adjustment."""
        own = floats.widen(self.adjustment[ids], self.dtype)
        return np.concatenate([self.clusters.lookup(ids), own], axis=1)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shared = ClusterRows.pack(emb.clusters, params.clusters, stored_dtype)
        shape = emb.num_embeddings, emb.adjustment_features
        adjustment = to_numpy(params.adjustment, "adjustment", *shape)
        stored = store(adjustment, "adjustment", stored_dtype)
        return Packed(
            {**shared.tensors, "adjustment": stored},
            {**shared.options, "adjustment_features": emb.adjustment_features},
            shared.num_params + adjustment.size,
        )

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "ClusterAdjustmentRows":
        """See `Rows.unpack`."""
        options = dict(header.options)
        own, dtype = options.pop("adjustment_features", 0), header.stored_dtype
        if not 0 < own < header.features:
            raise ValueError(
                f"options are {header.options!r}, expected num_clusters and "
                f"adjustment_features below {header.features}"
            )
        shared = dataclasses.replace(
            header, features=header.features - own, options=options
        )
        clusters = ClusterRows.unpack(shared, tensors)
        stored = (floats.storage(dtype),)
        adjustment = tensors.take("adjustment", stored, header.num_embeddings, own)
        check_finite(floats.widen(adjustment, dtype), "adjustment")
        return cls(clusters, adjustment, dtype)
