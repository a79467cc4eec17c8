"""Embedding tables of V objects in few numbers, one file a method."""

from ant_jax.embeddings.anchor import AnchorEmbedding as AnchorEmbedding
from ant_jax.embeddings.anchor import AnchorParams as AnchorParams
from ant_jax.embeddings.base import Embedding as Embedding
from ant_jax.embeddings.base import Factored as Factored
from ant_jax.embeddings.full import FullEmbedding as FullEmbedding
from ant_jax.embeddings.full import FullParams as FullParams
from ant_jax.embeddings.hashing import HashingEmbedding as HashingEmbedding
from ant_jax.embeddings.hashing import HashingParams as HashingParams
from ant_jax.embeddings.initializers import half_normal as half_normal
from ant_jax.embeddings.initializers import signed_basis as signed_basis
from ant_jax.embeddings.low_rank import LowRankEmbedding as LowRankEmbedding
from ant_jax.embeddings.low_rank import LowRankParams as LowRankParams
from ant_jax.embeddings.mixed_dimension import (
    MixedDimensionEmbedding as MixedDimensionEmbedding,
)
from ant_jax.embeddings.mixed_dimension import (
    MixedDimensionParams as MixedDimensionParams,
)
from ant_jax.embeddings.project import inner_products as inner_products
from ant_jax.embeddings.project import project_rows as project_rows
from ant_jax.embeddings.pruning import num_nonzeros as num_nonzeros
from ant_jax.embeddings.pruning import prune as prune
from ant_jax.embeddings.pruning import prune_to_size as prune_to_size
from ant_jax.embeddings.pruning import prune_to_tolerance as prune_to_tolerance
from ant_jax.embeddings.quotient_remainder import (
    QuotientRemainderEmbedding as QuotientRemainderEmbedding,
)
from ant_jax.embeddings.quotient_remainder import (
    QuotientRemainderParams as QuotientRemainderParams,
)
from ant_jax.embeddings.slimming import SlimmingEmbedding as SlimmingEmbedding
from ant_jax.embeddings.sparse import SparseEmbedding as SparseEmbedding
from ant_jax.embeddings.sparse import SparseParams as SparseParams
