"""The mean of a metric over a whole data set, in one compiled call."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ant_jax.training import mesh as mesh_lib

PerExample = Callable[[Any, Any], Float[Array, " batch"]]  # (params, batch) -> (B,)


def make_evaluate(
    per_example: PerExample, batch_size: int, mesh: Mesh
) -> Callable[[Any, Any], Float[Array, ""]]:
    """Compiles the mean of a per-example figure over a whole data set.

    Args:
      per_example: figures of a batch, float (B,).
      batch_size: examples at a time, rounded up to divide by the devices.
      mesh: see `data_mesh`.

    Returns:
      `evaluate(params, data) -> float ()`, every example counted once.
    """
    batch_size = -(-batch_size // mesh.size) * mesh.size

    def evaluate(params: Any, data: Any) -> Array:
        examples = len(jax.tree.leaves(data)[0])
        size = min(batch_size, -(-examples // mesh.size) * mesh.size)
        batches = -(-examples // size)
        padding = batches * size - examples

        def cut(column: Array) -> Array:
            pad = [(0, padding)] + [(0, 0)] * (column.ndim - 1)
            return jnp.pad(column, pad).reshape(batches, size, *column.shape[1:])

        def total(part: tuple[Any, Array]) -> Array:
            batch, counts = mesh_lib.shard_batch(part, mesh)
            figures = per_example(params, batch)
            return jnp.sum(jnp.where(counts, figures, jnp.zeros_like(figures)))

        counts = (jnp.arange(batches * size) < examples).reshape(batches, size)
        return jnp.sum(lax.map(total, (jax.tree.map(cut, data), counts))) / examples

    return jax.jit(evaluate)
