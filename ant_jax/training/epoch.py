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
from ant_jax.training.loss import LossOutput
from ant_jax.training.shuffle import shuffled_indices
from ant_jax.training.state import TrainState


class StepReport(NamedTuple):
    """What a step says of the batch, before it moved the parameters.

    Example:
      >>> float(StepReport.of(LossOutput(jnp.float32(0.5))).loss)
      0.5
    """

    loss: Float[Array, ""]
    metrics: Mapping[str, Float[Array, ""]]  # of `LossOutput`

    @classmethod
    def of(cls, output: LossOutput) -> "StepReport":
        """The numbers of a loss."""
        return cls(output.loss, output.metrics)


class EpochReport(NamedTuple):
    """What an epoch says of its steps; see the example of `dense_trainer`."""

    loss: Float[Array, ""]  # mean
    bad_step: Int[Array, ""]  # first step whose loss was not finite, or -1
    metrics: Mapping[str, Float[Array, ""]]  # means


def make_epoch(
    step: Callable[[TrainState, Any], tuple[TrainState, StepReport]],
    batch_size: int,
    mesh: Mesh,
    *,
    carry: Any = None,
    shuffle: bool = True,
    compiler_options: Mapping[str, str] | None = None,
) -> Callable[[TrainState, Any, PRNGKeyArray], tuple[TrainState, EpochReport]]:
    """Compiles one epoch of steps.

    Args:
      step: takes a step on a batch, see `Trainer`.
      batch_size: examples a step.
      mesh: see `data_mesh`.
      carry: what the state's `carry` is at the beginning of the epoch.
      shuffle: whether the order of the examples is drawn; else it is their own, and the
        key is not used.
      compiler_options: see `jax.jit`.

    Returns:
      `epoch(state, data, key) -> (state, report)`. `data` is a pytree of arrays with
      the same leading axis of n examples; they are visited once, in an order drawn from
      `key`, except for the last n mod batch_size. `state` is donated.

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
        order = jnp.arange(examples, dtype=jnp.int32)
        if shuffle:
            order = shuffled_indices(key, examples)
        order = order[: steps * batch_size]

        def body(
            carried: tuple[TrainState, Array, Array], ids: Array
        ) -> tuple[tuple[TrainState, Array, Array], Mapping[str, Array]]:
            state, total, bad_step = carried
            state = jax.tree.map(lambda x, like: x.reshape(like.shape), state, shapes)
            batch = jax.tree.map(lambda column: column[ids], data)
            state, report = step(state, batch)
            first_bad = (bad_step < 0) & ~jnp.isfinite(report.loss)
            bad_step = jnp.where(first_bad, state.step, bad_step)
            state = jax.tree.map(_line, state)
            return (state, total + report.loss, bad_step), report.metrics

        state = state._replace(carry=carry)
        # Carried as lines, which is how the optimizer works on them on a CPU, see
        # `elementwise`: between two shapes of one buffer XLA would copy it every step.
        shapes = jax.eval_shape(lambda: state)
        start = jnp.zeros(()), jnp.full((), -1, jnp.int32)
        (state, total, bad_step), metrics = lax.scan(
            body,
            (jax.tree.map(_line, state), *start),
            order.reshape(steps, batch_size),
        )
        state = jax.tree.map(lambda x, like: x.reshape(like.shape), state, shapes)
        means = {name: jnp.mean(values) for name, values in metrics.items()}
        return state, EpochReport(total / steps, bad_step, means)

    return jax.jit(
        epoch,
        donate_argnums=0,
        out_shardings=mesh_lib.replicated(mesh),
        compiler_options=dict(compiler_options or {}),
    )


def _line(x: Array) -> Array:
    # Integers are the words of lazy rows, which are read and written by rows.
    return jnp.ravel(x) if jnp.issubdtype(x.dtype, jnp.floating) else x
