"""The artifact that is shipped: one small file, read with NumPy and safetensors."""

from ant_jax.compact.reader import load as load
from ant_jax.compact.sizes import Sizes as Sizes
from ant_jax.compact.table import Table as Table
from ant_jax.compact.writer import save as save
