"""How each method is stored: one module for each method, registered here."""

from ant_jax.compact.codecs.anchor import AnchorRows
from ant_jax.compact.codecs.anchor_mixture import AnchorMixtureRows
from ant_jax.compact.codecs.base import Rows
from ant_jax.compact.codecs.cluster import ClusterRows
from ant_jax.compact.codecs.cluster_adjustment import ClusterAdjustmentRows
from ant_jax.compact.codecs.full import FullRows
from ant_jax.compact.codecs.hash_embedding import HashRows
from ant_jax.compact.codecs.hashing import HashingRows
from ant_jax.compact.codecs.low_rank import LowRankRows
from ant_jax.compact.codecs.mixed_cluster import MixedClusterRows
from ant_jax.compact.codecs.mixed_dimension import MixedDimensionRows
from ant_jax.compact.codecs.product_quantization import ProductQuantizedRows
from ant_jax.compact.codecs.quotient_remainder import QuotientRemainderRows
from ant_jax.compact.codecs.selected import SelectedRows
from ant_jax.compact.codecs.sparse import SparseRows

_BY_METHOD: dict[str, type[Rows]] = {
    "anchor_mixture": AnchorMixtureRows,
    "ant": AnchorRows,
    "cluster": ClusterRows,
    "cluster_adjustment": ClusterAdjustmentRows,
    "full": FullRows,
    "hash_embedding": HashRows,
    "hashing": HashingRows,
    "low_rank": LowRankRows,
    "mixed_cluster": MixedClusterRows,
    "mixed_dimension": MixedDimensionRows,
    "product_quantization": ProductQuantizedRows,
    "quotient_remainder": QuotientRemainderRows,
    "selected": SelectedRows,
    "slimming": SparseRows,
    "sparse_cbow": SparseRows,
}


def find(method: str) -> type[Rows]:
    """The codec of a method.

    Raises:
      ValueError: there is none.
    """
    if method not in _BY_METHOD:
        known = ", ".join(map(repr, sorted(_BY_METHOD)))
        raise ValueError(
            f"there is no codec for the method {method!r}, only for {known}"
        )
    return _BY_METHOD[method]
