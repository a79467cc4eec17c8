"""The mean of a metric over a whole data set, in one compiled call."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ant_jax.training import mesh as mesh_lib

# (params, batch) -> (B,); with a carry, (params, batch, carry=) -> ((B,), carry).
PerExample = Callable[..., Any]


def make_evaluate(
    per_example: PerExample, batch_size: int, mesh: Mesh, *, carry: Any = None
) -> Callable[[Any, Any], Float[Array, ""]]:
    """Compiles the mean of a number for each example over a whole data set.

    Args:
      per_example: numbers of a batch, float (B,), from parameters and batch.
      batch_size: examples at a time, rounded up to divide by the devices. Batches come
        in the order of the data; the last is padded.
      mesh: see `data_mesh`.
      carry: where a state that goes from batch to batch begins, such as the hidden
        state of a recurrent network. `per_example` is then called with `carry` and
        returns the next beside its numbers.

    Returns:
      `evaluate(params, data) -> float ()`, every example counted once.

    Example:
      >>> from ant_jax import training
      >>> mesh = training.data_mesh(jax.devices()[:1])
      >>> evaluate = make_evaluate(lambda scale, x: scale * x, 2, mesh)
      >>> float(evaluate(jnp.float32(10.0), jnp.array([1.0, 2.0, 6.0])))
      30.0
    """
    batch_size = -(-batch_size // mesh.size) * mesh.size

    def evaluate(params: Any, data: Any) -> Array:
        examples = len(jax.tree.leaves(data)[0])
        size = batch_size
        if carry is None:
            size = min(batch_size, -(-examples // mesh.size) * mesh.size)
        batches = -(-examples // size)
        padding = batches * size - examples

        def cut(column: Array) -> Array:
            pad = [(0, padding)] + [(0, 0)] * (column.ndim - 1)
            return jnp.pad(column, pad).reshape(batches, size, *column.shape[1:])

        def total(carry: Any, part: tuple[Any, Array]) -> tuple[Any, Array]:
            batch, counts = mesh_lib.shard_batch(part, mesh)
            if carry is None:
                values = per_example(params, batch)
            else:
                values, carry = per_example(params, batch, carry=carry)
            return carry, jnp.sum(jnp.where(counts, values, jnp.zeros_like(values)))

        counts = (jnp.arange(batches * size) < examples).reshape(batches, size)
        _, totals = lax.scan(total, carry, (jax.tree.map(cut, data), counts))
        return jnp.sum(totals) / examples

    return jax.jit(evaluate)
