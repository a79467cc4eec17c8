"""Which dtype to compute in."""

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike


def accumulator(dtype: DTypeLike) -> np.dtype:
    """The dtype sums are kept in: float32 for narrower floats, else the same."""
    dtype = jnp.dtype(dtype)
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)
