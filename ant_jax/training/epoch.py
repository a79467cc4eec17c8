"""A pass over the data inside one compiled call.

The data stay on the devices, are shuffled there and are never touched by Python between
steps; the state is donated, so its buffers are reused in place.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ant_jax.training import mesh as mesh_lib
from ant_jax.training.shuffle import shuffled_indices
from ant_jax.training.state import TrainState

Step = Callable[[TrainState, Any], tuple[TrainState, Array]]  # (state, batch) -> loss
PerExample = Callable[[Any, Any], Float[Array, " batch"]]  # (params, batch) -> (B,)


class EpochReport(NamedTuple):
    """What one epoch says of itself."""

    loss: Float[Array, ""]  # mean over its steps
    bad_step: Int[Array, ""]  # first step whose loss was not finite, or -1


def make_epoch(
    train_step: Step,
    batch_size: int,
    mesh: Mesh,
    compiler_options: Mapping[str, str] | None = None,
) -> Callable[[TrainState, Any, PRNGKeyArray], tuple[TrainState, EpochReport]]:
    """Compiles one epoch of steps.

    Args:
      train_step: takes a step on a batch, see `Trainer`.
      batch_size: examples a step.
      mesh: see `data_mesh`.
      compiler_options: see `jax.jit`, and `step_options` for lazy rows.

    Returns:
      `epoch(state, data, key) -> (state, report)`. `data` is a pytree of arrays with
      the same leading axis of n examples; they are visited once, in an order drawn from
      `key`, but for the n mod batch_size that are left over. `state` is donated.

    Raises:
      ValueError: when the epoch is called, if the batch does not divide by the devices
        or is larger than the data.
    """

    def epoch(
        state: TrainState, data: Any, key: PRNGKeyArray
    ) -> tuple[TrainState, EpochReport]:
        examples = len(jax.tree.leaves(data)[0])
        mesh_lib.check_batch_size(batch_size, mesh, examples)
        steps = examples // batch_size
        order = shuffled_indices(key, examples)[: steps * batch_size]

        def body(
            carry: tuple[TrainState, EpochReport], ids: Array
        ) -> tuple[tuple[TrainState, EpochReport], None]:
            state, report = carry
            state = jax.tree.map(lambda x, like: x.reshape(like.shape), state, shapes)
            batch = jax.tree.map(lambda column: column[ids], data)
            state, loss = train_step(state, batch)
            first_bad = (report.bad_step < 0) & ~jnp.isfinite(loss)
            bad_step = jnp.where(first_bad, state.step, report.bad_step)
            report = EpochReport(report.loss + loss, bad_step)
            return (jax.tree.map(_line, state), report), None

        # Carried as lines, which is how the optimizer works on them on a CPU, see
        # `elementwise`: between two shapes of one buffer XLA would copy it every step.
        shapes = jax.eval_shape(lambda: state)
        start = EpochReport(jnp.zeros(()), jnp.full((), -1, jnp.int32))
        (state, report), _ = lax.scan(
            body,
            (jax.tree.map(_line, state), start),
            order.reshape(steps, batch_size),
        )
        state = jax.tree.map(lambda x, like: x.reshape(like.shape), state, shapes)
        return state, report._replace(loss=report.loss / steps)

    return jax.jit(
        epoch,
        donate_argnums=0,
        out_shardings=mesh_lib.replicated(mesh),
        compiler_options=dict(compiler_options or {}),
    )


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


def _line(x: Array) -> Array:
    # Integers are the words of lazy rows, which are read and written by rows.
    return jnp.ravel(x) if jnp.issubdtype(x.dtype, jnp.floating) else x
