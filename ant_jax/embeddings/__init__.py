"""Embedding tables of V objects in few numbers, one file a method."""

from ant_jax.embeddings.anchor import AnchorEmbedding as AnchorEmbedding
from ant_jax.embeddings.anchor import AnchorParams as AnchorParams
from ant_jax.embeddings.base import Embedding as Embedding
from ant_jax.embeddings.full import FullEmbedding as FullEmbedding
from ant_jax.embeddings.full import FullParams as FullParams
from ant_jax.embeddings.initializers import half_normal as half_normal
from ant_jax.embeddings.project import inner_products as inner_products
from ant_jax.embeddings.project import project_rows as project_rows
from ant_jax.embeddings.pruning import prune as prune
from ant_jax.embeddings.pruning import prune_to_size as prune_to_size
from ant_jax.embeddings.pruning import prune_to_tolerance as prune_to_tolerance
