"""Schedules of the papers, in float32, which not all of optax's schedules keep to."""

from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

# As `optax.ScalarOrSchedule`, but with NumPy scalars and arrays too.
ScalarOrSchedule = ArrayLike | Callable[[Array], ArrayLike]


def halving_schedule(
    init_value: float, transition_steps: int
) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
    """A value that halves at regular intervals: `init_value 2^-(count // steps)`.

    Args:
      init_value: value of the first `transition_steps` steps.
      transition_steps: steps between halvings, at least 1.

    Returns:
      A schedule: function of an int32 step count () that returns a float32 value ().

    Raises:
      ValueError: transition_steps is below 1.

    Example:
      >>> schedule = halving_schedule(0.5, transition_steps=10)
      >>> [float(schedule(jnp.int32(count))) for count in (0, 9, 10, 20)]
      [0.5, 0.5, 0.25, 0.125]
    """
    _check_steps(transition_steps)

    def schedule(count: Int[Array, ""]) -> Float[Array, ""]:
        halvings = (count // transition_steps).astype(jnp.float32)
        return init_value * jnp.exp2(-halvings)

    return schedule


def warmup_schedule(
    peak_value: float, warmup_steps: int
) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
    """A value that rises linearly from 0 and then stays constant.

    Args:
      peak_value: the value from step `warmup_steps` on.
      warmup_steps: steps of the rise, at least 1.

    Returns:
      A schedule: function of an int32 step count () that returns a float32 value ().

    Raises:
      ValueError: warmup_steps is below 1.

    Example:
      >>> schedule = warmup_schedule(0.5, warmup_steps=4)
      >>> [float(schedule(jnp.int32(count))) for count in (0, 1, 4, 9)]
      [0.0, 0.125, 0.5, 0.5]
    """
    _check_steps(warmup_steps)

    def schedule(count: Int[Array, ""]) -> Float[Array, ""]:
        done = jnp.minimum(count, warmup_steps).astype(jnp.float32)
        return peak_value * (done / warmup_steps)

    return schedule


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"A schedule needs at least 1 step, got {steps!r}.")
