"""How far a coordinate without gradient moves between any two steps.

With s_u = lr_u rate(u), momentum b and the penalty l1_u of step u, a coordinate that
last had a gradient at step t0, with direction m and metric c, is at step t1 at

    max(p - c (G m + L), 0),   G = sum of s_u b^(u - t0),   L = sum of s_u l1_u,

over t0 < u <= t1. Both sums follow from one row of a table for t0 and one for t1:

    h[t] = (1 - b) sum over u > t of s_u b^(u - t - 1)      an average of later s,
    G    = b / (1 - b) ((h[t0] - h[t1]) + (1 - b^(t1 - t0)) h[t1]),
    S[t] = sum over u <= t of s_u l1_u,    L = S[t1] - S[t0].

In this form of G large numbers do not cancel, and h and S are stored as sums of two
floats, so that their differences stay exact after millions of steps. BUILD_NOTES.md
derives the formulas.
"""

import math
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ant_jax.optim.rules import Idle
from ant_jax.optim.schedules import ScalarOrSchedule

Timeline = Float[Array, "steps 4"]


class Gap(NamedTuple):
    """What rows missed since they were last settled.

    Attributes:
      glide: G, float (rows,).
      shrink: L, float (rows,).
      steps: t1 - t0, float (rows,).
    """

    glide: Float[Array, " rows"]
    shrink: Float[Array, " rows"]
    steps: Float[Array, " rows"]


def make_timeline(
    idle: Idle,
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule,
    steps: tuple[int, int],
    *,
    clamped: bool,
    adaptive: bool,
) -> np.ndarray:
    """Tabulates h and S for every step.

    Args:
      idle: closed form of the rule's steps without gradient.
      learning_rate: number, or schedule `count -> number`.
      l1: weight of the penalty: number or schedule.
      steps: the first step count and the one after the last.
      clamped: whether values are kept at or above 0.
      adaptive: whether the penalty follows the metric of the rule.

    Returns:
      float64 (steps + 1, 2), h and S, for the counts from first to last.

    Raises:
      ValueError: a rate is negative or not finite, or l1 falls faster than the momentum
        decays, where one clamp at the end of a gap is not exact.
    """
    start, stop = steps
    lr = _tabulate("learning_rate", learning_rate, start, stop)
    penalty = _tabulate("l1", l1, start, stop)
    counts = np.arange(start + 1, stop + 1, dtype=np.float64)
    rate = np.broadcast_to(idle.rate(counts), counts.shape)
    b = float(np.asarray(idle.momentum))
    if clamped and b:
        # Where the direction points up, a coordinate rises until momentum is weaker
        # than the penalty and falls from then on. It must not rise again.
        scale = np.ones_like(rate) if adaptive else rate
        falls = penalty[1:] * scale[:-1] < b * penalty[:-1] * scale[1:]
        if falls.any():
            at = start + 1 + int(np.argmax(falls))
            raise ValueError(
                f"l1 falls at step {at} from {penalty[at - start - 1]:g} to "
                f"{penalty[at - start]:g}, faster than the momentum decays: rows that "
                f"wait over that step would not be exact. Use one LazyRows for the "
                f"steps up to {at} (num_steps={at}), settle, and let another "
                f"(first_step={at}) resume the table."
            )
    s = lr * rate
    shrink = np.concatenate([[0.0], np.cumsum((s if adaptive else lr) * penalty)])
    return np.stack([_average_ahead(s, b), shrink], axis=1)


def split(timeline: np.ndarray, dtype: Any) -> Timeline:
    """Each column as a sum of two floats of this dtype: h, its rest, S, its rest."""
    high = timeline.astype(dtype)
    rest = (timeline - high.astype(np.float64)).astype(dtype)
    return jnp.asarray(
        np.stack([high[:, 0], rest[:, 0], high[:, 1], rest[:, 1]], axis=1)
    )


def gap(
    timeline: Timeline, momentum: float, then: Int[Array, " rows"], now: Int[Array, ""]
) -> Gap:
    """Sums over the steps from `then` to `now`, both counted from the first row."""
    past = timeline.at[then].get(mode="clip")
    present = timeline.at[now].get(mode="clip")
    steps = (now - then).astype(timeline.dtype)
    shrink = (present[2] - past[:, 2]) + (present[3] - past[:, 3])
    if not momentum:
        return Gap(jnp.zeros_like(shrink), shrink, steps)
    ahead = (past[:, 0] - present[0]) + (past[:, 1] - present[1])
    faded = -jnp.expm1(steps * math.log(momentum))
    gain = momentum / (1 - momentum)
    return Gap(gain * (ahead + faded * present[0]), shrink, steps)


def fade(factor: float, steps: Float[Array, " rows"]) -> Float[Array, " rows"]:
    """`factor^steps`, without rounding the factor first."""
    if factor == 0:
        return (steps == 0).astype(steps.dtype)
    return jnp.exp(steps * math.log(factor))


def _average_ahead(s: np.ndarray, b: float) -> np.ndarray:
    """Tabulates h for the counts from first to last, one more than there are steps."""
    # The value after the last step is arbitrary: it cancels in every gap.
    if not b:
        return np.append(s, s[-1:])
    ahead = accumulate(
        s[::-1].tolist(), lambda h, s: (1 - b) * s + b * h, initial=s[-1]
    )
    return np.fromiter(ahead, np.float64, len(s) + 1)[::-1]


def _tabulate(
    name: str, schedule: ScalarOrSchedule, start: int, stop: int
) -> np.ndarray:
    if callable(schedule):
        counts = jnp.arange(start, stop, dtype=jnp.int32)
        values = jax.jit(jax.vmap(schedule))(counts)
    else:
        values = np.full(stop - start, schedule)
    table = np.asarray(values).astype(np.float64)
    bad = ~(np.isfinite(table) & (table >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"{name} must be finite and >= 0 at every step, but is {table[at]:g} at "
            f"count {start + at}."
        )
    return table
