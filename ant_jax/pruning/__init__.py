"""Dropping the entries of a trained sparse table that carry nothing."""

from ant_jax.pruning.curvature import make_curvature as make_curvature
from ant_jax.pruning.prune import num_nonzeros as num_nonzeros
from ant_jax.pruning.prune import prune as prune
from ant_jax.pruning.prune import prune_to_size as prune_to_size
from ant_jax.pruning.prune import prune_to_tolerance as prune_to_tolerance
from ant_jax.pruning.summary import Sparsity as Sparsity
from ant_jax.pruning.summary import TableSparsity as TableSparsity
from ant_jax.pruning.summary import sparsity as sparsity
