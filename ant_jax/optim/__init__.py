"""Proximal optimizers: the penalty's zeros come from the step, not from the loss."""

from ant_jax.optim import rules as rules
from ant_jax.optim.aliases import proximal_adagrad as proximal_adagrad
from ant_jax.optim.aliases import proximal_adam as proximal_adam
from ant_jax.optim.aliases import proximal_amsgrad as proximal_amsgrad
from ant_jax.optim.aliases import proximal_sgd as proximal_sgd
from ant_jax.optim.aliases import proximal_yogi as proximal_yogi
from ant_jax.optim.aliases import yogi as yogi
from ant_jax.optim.dual_averaging import DualAveragingState as DualAveragingState
from ant_jax.optim.dual_averaging import (
    adaptive_dual_averaging as adaptive_dual_averaging,
)
from ant_jax.optim.dual_averaging import dual_averaging as dual_averaging
from ant_jax.optim.labels import param_labels as param_labels
from ant_jax.optim.lazy import LazyRows as LazyRows
from ant_jax.optim.lazy import LazyTable as LazyTable
from ant_jax.optim.lazy import Pulled as Pulled
from ant_jax.optim.prox import group_soft_threshold as group_soft_threshold
from ant_jax.optim.prox import hard_threshold as hard_threshold
from ant_jax.optim.prox import identity as identity
from ant_jax.optim.prox import minimax_concave as minimax_concave
from ant_jax.optim.prox import nonnegative_hard_threshold as nonnegative_hard_threshold
from ant_jax.optim.prox import nonnegative_soft_threshold as nonnegative_soft_threshold
from ant_jax.optim.prox import project_nonnegative as project_nonnegative
from ant_jax.optim.prox import soft_threshold as soft_threshold
from ant_jax.optim.proximal import ProximalState as ProximalState
from ant_jax.optim.proximal import proximal as proximal
from ant_jax.optim.schedules import halving_schedule as halving_schedule
from ant_jax.optim.schedules import warmup_schedule as warmup_schedule
from ant_jax.optim.subgradient import L1SubgradientState as L1SubgradientState
from ant_jax.optim.subgradient import l1_subgradient as l1_subgradient
from ant_jax.optim.support import keep_zeros as keep_zeros
from ant_jax.optim.weights import frequency_weights as frequency_weights
from ant_jax.optim.wrap import with_proximal as with_proximal
