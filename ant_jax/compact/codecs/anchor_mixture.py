"""Mixtures of anchors, stored as one sparse transform of all anchors."""

from typing import Any

import numpy as np

from ant_jax.compact.codecs import compressed
from ant_jax.compact.codecs.anchor import AnchorRows
from ant_jax.compact.codecs.base import Packed, store, to_numpy


class AnchorMixtureRows(AnchorRows):
    """The anchors of all sets, and the softmax of each row, computed by the embedding.

    A softmax in NumPy would differ from it in the last bits, and a lookup does not need
    the logits.
    """

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        sizes = emb.num_anchors
        if len(params.parts) != len(sizes):
            raise ValueError(
                f"There are {len(params.parts)} sets of anchors, but the description "
                f"has {len(sizes)}."
            )
        for i, (part, size) in enumerate(zip(params.parts, sizes, strict=True)):
            to_numpy(part.anchors, f"parts[{i}].anchors", size, emb.features)
            shape = emb.num_embeddings, size
            to_numpy(part.transform, f"parts[{i}].transform", *shape)
        ids = np.arange(emb.num_embeddings, dtype=np.int32)
        anchors = np.asarray(emb.basis(params))
        weights = np.asarray(emb.coefficients(params, ids))
        tensors = {
            "anchors": store(anchors, "anchors", stored_dtype),
            **compressed.pack(weights, "transform", stored_dtype),
        }
        num_params = anchors.size + tensors["transform.values"].size
        return Packed(tensors, {"num_anchors": sum(sizes)}, num_params)
