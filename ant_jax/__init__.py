"""Small embeddings of large vocabularies: anchors and a sparse transform, `E = T A`.

Names are imported when they are first used, so that `import ant_jax` costs nothing and
`ant_jax.compact.load` runs where NumPy and safetensors are all there is.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ant_jax import anchors as anchors
    from ant_jax import compact as compact
    from ant_jax import embeddings as embeddings
    from ant_jax import losses as losses
    from ant_jax import nonparametric as nonparametric
    from ant_jax import optim as optim
    from ant_jax import relations as relations
    from ant_jax.embeddings import AnchorEmbedding as AnchorEmbedding
    from ant_jax.embeddings import AnchorMixtureEmbedding as AnchorMixtureEmbedding
    from ant_jax.embeddings import AnchorMixtureParams as AnchorMixtureParams
    from ant_jax.embeddings import AnchorParams as AnchorParams
    from ant_jax.embeddings import (
        ClusterAdjustmentEmbedding as ClusterAdjustmentEmbedding,
    )
    from ant_jax.embeddings import ClusterAdjustmentParams as ClusterAdjustmentParams
    from ant_jax.embeddings import ClusterEmbedding as ClusterEmbedding
    from ant_jax.embeddings import ClusterParams as ClusterParams
    from ant_jax.embeddings import Embedding as Embedding
    from ant_jax.embeddings import Factored as Factored
    from ant_jax.embeddings import FullEmbedding as FullEmbedding
    from ant_jax.embeddings import FullParams as FullParams
    from ant_jax.embeddings import HashEmbedding as HashEmbedding
    from ant_jax.embeddings import HashingEmbedding as HashingEmbedding
    from ant_jax.embeddings import HashingParams as HashingParams
    from ant_jax.embeddings import HashParams as HashParams
    from ant_jax.embeddings import LowRankEmbedding as LowRankEmbedding
    from ant_jax.embeddings import LowRankParams as LowRankParams
    from ant_jax.embeddings import MixedClusterEmbedding as MixedClusterEmbedding
    from ant_jax.embeddings import MixedClusterParams as MixedClusterParams
    from ant_jax.embeddings import MixedDimensionEmbedding as MixedDimensionEmbedding
    from ant_jax.embeddings import MixedDimensionParams as MixedDimensionParams
    from ant_jax.embeddings import (
        ProductQuantizedEmbedding as ProductQuantizedEmbedding,
    )
    from ant_jax.embeddings import ProductQuantizedParams as ProductQuantizedParams
    from ant_jax.embeddings import (
        QuotientRemainderEmbedding as QuotientRemainderEmbedding,
    )
    from ant_jax.embeddings import QuotientRemainderParams as QuotientRemainderParams
    from ant_jax.embeddings import SelectedEmbedding as SelectedEmbedding
    from ant_jax.embeddings import SelectedParams as SelectedParams
    from ant_jax.embeddings import SlimmingEmbedding as SlimmingEmbedding
    from ant_jax.embeddings import SparseEmbedding as SparseEmbedding
    from ant_jax.embeddings import SparseParams as SparseParams
    from ant_jax.embeddings import (
        SparseVariationalEmbedding as SparseVariationalEmbedding,
    )
    from ant_jax.embeddings import SparseVariationalParams as SparseVariationalParams
    from ant_jax.embeddings import (
        SparseVariationalVocabularyEmbedding as SparseVariationalVocabularyEmbedding,
    )
    from ant_jax.embeddings import (
        SparseVariationalVocabularyParams as SparseVariationalVocabularyParams,
    )
    from ant_jax.embeddings import (
        VariationalVocabularyEmbedding as VariationalVocabularyEmbedding,
    )
    from ant_jax.embeddings import (
        VariationalVocabularyParams as VariationalVocabularyParams,
    )
    from ant_jax.nn import linen as linen
    from ant_jax.nn import nnx as nnx
    from ant_jax.optim import LazyRows as LazyRows
    from ant_jax.optim import adaptive_dual_averaging as adaptive_dual_averaging
    from ant_jax.optim import dual_averaging as dual_averaging
    from ant_jax.optim import frequency_weights as frequency_weights
    from ant_jax.optim import keep_zeros as keep_zeros
    from ant_jax.optim import l1_subgradient as l1_subgradient
    from ant_jax.optim import minimax_concave as minimax_concave
    from ant_jax.optim import param_labels as param_labels
    from ant_jax.optim import proximal_adagrad as proximal_adagrad
    from ant_jax.optim import proximal_adam as proximal_adam
    from ant_jax.optim import proximal_amsgrad as proximal_amsgrad
    from ant_jax.optim import proximal_sgd as proximal_sgd
    from ant_jax.optim import proximal_yogi as proximal_yogi
    from ant_jax.optim import yogi as yogi
    from ant_jax.relations import RelationGraph as RelationGraph

__version__ = "0.1.0"

# A public name and the package it lives in; what type checkers read stands above.
_HOME = {
    "AnchorEmbedding": "ant_jax.embeddings",
    "AnchorMixtureEmbedding": "ant_jax.embeddings",
    "AnchorMixtureParams": "ant_jax.embeddings",
    "AnchorParams": "ant_jax.embeddings",
    "ClusterAdjustmentEmbedding": "ant_jax.embeddings",
    "ClusterAdjustmentParams": "ant_jax.embeddings",
    "ClusterEmbedding": "ant_jax.embeddings",
    "ClusterParams": "ant_jax.embeddings",
    "Embedding": "ant_jax.embeddings",
    "Factored": "ant_jax.embeddings",
    "FullEmbedding": "ant_jax.embeddings",
    "FullParams": "ant_jax.embeddings",
    "HashEmbedding": "ant_jax.embeddings",
    "HashParams": "ant_jax.embeddings",
    "HashingEmbedding": "ant_jax.embeddings",
    "HashingParams": "ant_jax.embeddings",
    "LazyRows": "ant_jax.optim",
    "LowRankEmbedding": "ant_jax.embeddings",
    "LowRankParams": "ant_jax.embeddings",
    "MixedClusterEmbedding": "ant_jax.embeddings",
    "MixedClusterParams": "ant_jax.embeddings",
    "MixedDimensionEmbedding": "ant_jax.embeddings",
    "MixedDimensionParams": "ant_jax.embeddings",
    "ProductQuantizedEmbedding": "ant_jax.embeddings",
    "ProductQuantizedParams": "ant_jax.embeddings",
    "QuotientRemainderEmbedding": "ant_jax.embeddings",
    "QuotientRemainderParams": "ant_jax.embeddings",
    "RelationGraph": "ant_jax.relations",
    "SelectedEmbedding": "ant_jax.embeddings",
    "SelectedParams": "ant_jax.embeddings",
    "SlimmingEmbedding": "ant_jax.embeddings",
    "SparseEmbedding": "ant_jax.embeddings",
    "SparseParams": "ant_jax.embeddings",
    "SparseVariationalEmbedding": "ant_jax.embeddings",
    "SparseVariationalParams": "ant_jax.embeddings",
    "SparseVariationalVocabularyEmbedding": "ant_jax.embeddings",
    "SparseVariationalVocabularyParams": "ant_jax.embeddings",
    "VariationalVocabularyEmbedding": "ant_jax.embeddings",
    "VariationalVocabularyParams": "ant_jax.embeddings",
    "adaptive_dual_averaging": "ant_jax.optim",
    "anchors": "ant_jax",
    "compact": "ant_jax",
    "dual_averaging": "ant_jax.optim",
    "embeddings": "ant_jax",
    "frequency_weights": "ant_jax.optim",
    "keep_zeros": "ant_jax.optim",
    "l1_subgradient": "ant_jax.optim",
    "linen": "ant_jax.nn",
    "losses": "ant_jax",
    "minimax_concave": "ant_jax.optim",
    "nnx": "ant_jax.nn",
    "nonparametric": "ant_jax",
    "optim": "ant_jax",
    "param_labels": "ant_jax.optim",
    "proximal_adagrad": "ant_jax.optim",
    "proximal_adam": "ant_jax.optim",
    "proximal_amsgrad": "ant_jax.optim",
    "proximal_sgd": "ant_jax.optim",
    "proximal_yogi": "ant_jax.optim",
    "relations": "ant_jax",
    "yogi": "ant_jax.optim",
}
_SUBMODULES = {
    "anchors",
    "compact",
    "embeddings",
    "linen",
    "losses",
    "nnx",
    "nonparametric",
    "optim",
    "relations",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    if name in _SUBMODULES:
        value = importlib.import_module(f"{home}.{name}")
    else:
        value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
