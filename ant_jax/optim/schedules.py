"""The schedules of the papers, in one dtype, which not all of optax's keep to."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def halving_schedule(
    init_value: float, transition_steps: int
) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
    """A value that halves every so many steps: `init_value 2^-(count // steps)`.

    Args:
      init_value: the value of the first steps.
      transition_steps: steps between halvings, at least 1.

    Returns:
      A schedule `count -> float32 ()`.

    Raises:
      ValueError: transition_steps is below 1.
    """
    _check_steps(transition_steps)

    def schedule(count: Int[Array, ""]) -> Float[Array, ""]:
        halvings = (count // transition_steps).astype(jnp.float32)
        return init_value * jnp.exp2(-halvings)

    return schedule


def warmup_schedule(
    peak_value: float, warmup_steps: int
) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
    """A value that rises linearly from 0 over so many steps and then stays.

    Args:
      peak_value: the value from step `warmup_steps` on.
      warmup_steps: steps of the rise, at least 1.

    Returns:
      A schedule `count -> float32 ()`.

    Raises:
      ValueError: warmup_steps is below 1.
    """
    _check_steps(warmup_steps)

    def schedule(count: Int[Array, ""]) -> Float[Array, ""]:
        done = jnp.minimum(count, warmup_steps).astype(jnp.float32)
        return peak_value * (done / warmup_steps)

    return schedule


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"A schedule needs at least 1 step, got {steps!r}.")
