"""Exact lazy rows: a step costs what the batch touches, whatever the vocabulary."""

from ant_jax.optim.lazy.rows import LazyRows as LazyRows
from ant_jax.optim.lazy.rows import LazyTable as LazyTable
from ant_jax.optim.lazy.rows import Pulled as Pulled
