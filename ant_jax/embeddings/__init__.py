"""Embedding tables of V objects in few numbers, one file a method."""

from ant_jax.embeddings.anchor import AnchorEmbedding as AnchorEmbedding
from ant_jax.embeddings.anchor import AnchorParams as AnchorParams
from ant_jax.embeddings.anchor_mixture import (
    AnchorMixtureEmbedding as AnchorMixtureEmbedding,
)
from ant_jax.embeddings.anchor_mixture import AnchorMixtureParams as AnchorMixtureParams
from ant_jax.embeddings.anchor_mixture import MixturePart as MixturePart
from ant_jax.embeddings.base import Embedding as Embedding
from ant_jax.embeddings.base import Factored as Factored
from ant_jax.embeddings.cluster import ClusterEmbedding as ClusterEmbedding
from ant_jax.embeddings.cluster import ClusterParams as ClusterParams
from ant_jax.embeddings.cluster_adjustment import (
    ClusterAdjustmentEmbedding as ClusterAdjustmentEmbedding,
)
from ant_jax.embeddings.cluster_adjustment import (
    ClusterAdjustmentParams as ClusterAdjustmentParams,
)
from ant_jax.embeddings.cluster_summary import ClusterSummary as ClusterSummary
from ant_jax.embeddings.cluster_summary import cluster_summary as cluster_summary
from ant_jax.embeddings.describe import describe_tables as describe_tables
from ant_jax.embeddings.full import FullEmbedding as FullEmbedding
from ant_jax.embeddings.full import FullParams as FullParams
from ant_jax.embeddings.hash_embedding import HashEmbedding as HashEmbedding
from ant_jax.embeddings.hash_embedding import HashParams as HashParams
from ant_jax.embeddings.hashing import HashingEmbedding as HashingEmbedding
from ant_jax.embeddings.hashing import HashingParams as HashingParams
from ant_jax.embeddings.initializers import half_normal as half_normal
from ant_jax.embeddings.initializers import signed_basis as signed_basis
from ant_jax.embeddings.low_rank import LowRankEmbedding as LowRankEmbedding
from ant_jax.embeddings.low_rank import LowRankParams as LowRankParams
from ant_jax.embeddings.mixed_cluster import (
    MixedClusterEmbedding as MixedClusterEmbedding,
)
from ant_jax.embeddings.mixed_cluster import MixedClusterParams as MixedClusterParams
from ant_jax.embeddings.mixed_dimension import (
    MixedDimensionEmbedding as MixedDimensionEmbedding,
)
from ant_jax.embeddings.mixed_dimension import (
    MixedDimensionParams as MixedDimensionParams,
)
from ant_jax.embeddings.product_quantization import (
    ProductQuantizedEmbedding as ProductQuantizedEmbedding,
)
from ant_jax.embeddings.product_quantization import (
    ProductQuantizedParams as ProductQuantizedParams,
)
from ant_jax.embeddings.product_quantization import product_quantize as product_quantize
from ant_jax.embeddings.quotient_remainder import (
    QuotientRemainderEmbedding as QuotientRemainderEmbedding,
)
from ant_jax.embeddings.quotient_remainder import (
    QuotientRemainderParams as QuotientRemainderParams,
)
from ant_jax.embeddings.selected import SelectedEmbedding as SelectedEmbedding
from ant_jax.embeddings.selected import SelectedParams as SelectedParams
from ant_jax.embeddings.selected import kept_rows as kept_rows
from ant_jax.embeddings.selected import select_rows as select_rows
from ant_jax.embeddings.slimming import SlimmingEmbedding as SlimmingEmbedding
from ant_jax.embeddings.sparse import SparseEmbedding as SparseEmbedding
from ant_jax.embeddings.sparse import SparseParams as SparseParams
from ant_jax.embeddings.sparse_coding import sparse_code as sparse_code
from ant_jax.embeddings.sparse_variational import (
    SparseVariationalEmbedding as SparseVariationalEmbedding,
)
from ant_jax.embeddings.sparse_variational import (
    SparseVariationalParams as SparseVariationalParams,
)
from ant_jax.embeddings.sparse_variational_vocabulary import (
    SparseVariationalVocabularyEmbedding as SparseVariationalVocabularyEmbedding,
)
from ant_jax.embeddings.sparse_variational_vocabulary import (
    SparseVariationalVocabularyParams as SparseVariationalVocabularyParams,
)
from ant_jax.embeddings.variational_vocabulary import (
    VariationalVocabularyEmbedding as VariationalVocabularyEmbedding,
)
from ant_jax.embeddings.variational_vocabulary import (
    VariationalVocabularyParams as VariationalVocabularyParams,
)
from ant_jax.ops.gumbel import gumbel_softmax as gumbel_softmax
from ant_jax.ops.project import inner_products as inner_products
from ant_jax.ops.project import project_rows as project_rows
