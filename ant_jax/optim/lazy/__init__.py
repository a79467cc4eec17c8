"""Exact lazy rows: a step costs what the batch touches, for any vocabulary."""

from ant_jax.optim.lazy.rows import LazyRows as LazyRows
from ant_jax.optim.lazy.table import LazyTable as LazyTable
from ant_jax.optim.lazy.table import Pulled as Pulled
