"""The ids of a batch as rows of a table."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Integer


def resolve(
    ids: Integer[Array, " batch"], size: int
) -> tuple[Int[Array, " batch"], Bool[Array, " batch"]]:
    """Rows that ids mean, as an embedding's lookup takes them.

    Args:
      ids: of any integer type; one in [-size, 0) counts from the end.
      size: rows of the table.

    Returns:
      Rows, int32, `size` where there is none, and whether there is one.

    Raises:
      ValueError: an id is outside [-size, size), where that can be seen, which is
        outside of `jit`.
    """
    if not isinstance(ids, jax.core.Tracer) and ids.size:
        seen = np.asarray(ids)
        if not (-size <= seen.min() and seen.max() < size):
            raise ValueError(
                f"Ids must be in [-{size}, {size}), got {seen.min()} to {seen.max()}."
            )
    if ids.dtype.itemsize < 4:  # may not hold `size`
        ids = ids.astype(jnp.int32)
    low = -size if jnp.issubdtype(ids.dtype, jnp.signedinteger) else 0
    valid = (ids >= low) & (ids < size)
    # Cut before the conversion, where a wide id would wrap around.
    ids = jnp.clip(ids, low, size).astype(jnp.int32)
    return jnp.where(valid, jnp.where(ids < 0, ids + size, ids), size), valid
