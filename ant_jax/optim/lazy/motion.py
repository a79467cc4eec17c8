"""How rows move: in a step with a gradient, and over the steps in which they wait."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from ant_jax.optim.lazy.timeline import Gap, fade
from ant_jax.optim.prox import (
    identity,
    nonnegative_soft_threshold,
    project_nonnegative,
)
from ant_jax.optim.proximal import Prox, at, in_own_metric, take_step
from ant_jax.optim.rules import Idle, Metric, Rule, Slots
from ant_jax.optim.schedules import ScalarOrSchedule

Moved = tuple[Array, Slots]  # values and the optimizer's arrays, of the same shape

# Operators whose steps compose into one, and whether they keep values at or above 0.
_CLAMPED = {
    nonnegative_soft_threshold: True,
    project_nonnegative: True,
    identity: False,
}
# From this many rows on, a separate computation of the arithmetic pays on a CPU.
_MANY_ROWS = 256


class Motion(NamedTuple):
    """A proximal optimizer of rows.

    Attributes:
      rule: see `LazyRows`.
      idle: closed form of the rule's steps without gradient.
      learning_rate: see `LazyRows`.
      l1: see `LazyRows`.
      prox: see `LazyRows`.
      clamped: whether values are kept at or above 0.
      penalized: whether l1 has an effect.
      adaptive: whether the penalty follows the metric of the rule.
      momentum: factor of the direction from step to step.
      decay: factor of each decaying slot from step to step, by name.
    """

    rule: Rule
    idle: Idle
    learning_rate: ScalarOrSchedule
    l1: ScalarOrSchedule
    prox: Prox
    clamped: bool
    penalized: bool
    adaptive: bool
    momentum: float
    decay: Mapping[str, float]

    def step(
        self,
        count: Int[Array, ""],
        values: Float[Array, "rows columns"],
        slots: Slots,
        gradient: Float[Array, "rows columns"],
        free: Bool[Array, "rows columns"] | None,
        good: Bool[Array, ""],
        active: Bool[Array, " mask"] | None = None,
    ) -> Moved:
        """Takes one step with a gradient.

        Args:
          count: steps taken before, int32 ().
          values: values before this step, float (rows, columns).
          slots: slots before this step, of the same shape.
          gradient: gradient with respect to the values.
          free: True where there is no penalty; None for nowhere.
          good: whether the step is taken, bool (); if not, the result does not matter.
          active: columns that move, bool (columns,); None for all of them.

        Returns:
          The new values and slots.
        """

        def take(
            values: Array, slots: Slots, gradient: Array, free: Any, moves: Any
        ) -> Moved:
            moved = take_step(
                self.rule.step(gradient, slots, count + 1),
                values,
                at(self.learning_rate, count),
                at(self.l1, count),
                self.prox,
                free,
                own_metric=self.adaptive,
            )
            return _where(moves, moved, (values, slots))

        def keep(values: Array, slots: Slots, *rest: Any) -> Moved:
            del rest
            return values, slots

        moves = _spread(active, values.shape)
        return _apart(good, take, keep, (values, slots, gradient, free, moves))

    def wait(
        self,
        values: Float[Array, "rows columns"],
        slots: Slots,
        free: Bool[Array, "rows columns"] | None,
        past: Gap,
        valid: Bool[Array, " rows"],
        active: Bool[Array, " mask"] | None = None,
    ) -> Moved:
        """Makes up for the steps in which rows had no gradient.

        Args:
          values: values before these steps, float (rows, columns).
          slots: slots before these steps, of the same shape.
          free: True where there is no penalty; None for nowhere.
          past: sums over these steps.
          valid: False for rows that do not exist, whose values become NaN, bool
            (rows,).
          active: columns that moved in all these steps, bool (columns,); None for all.

        Returns:
          The new values and slots.
        """
        idle = self.idle
        shape, dtype = values.shape, values.dtype
        # A row that missed no step may still be negative, before its first step.
        floor = jnp.asarray(-jnp.inf, dtype)
        if self.clamped:
            floor = jnp.where(past.steps > 0, jnp.zeros((), dtype), floor)
        floor = jnp.where(valid, floor, jnp.asarray(jnp.nan, dtype))
        row: dict[str, Array] = {"floor": floor}
        if idle.direction is not None:
            row["glide"] = past.glide
        if self.penalized:
            row["shrink"] = past.shrink
        row |= {name: fade(factor, past.steps) for name, factor in self.decay.items()}
        # Broadcast here, since finding the row of a flat entry takes a division.
        spread = {name: jnp.broadcast_to(x[:, None], shape) for name, x in row.items()}
        if free is not None and self.penalized:
            spread["shrink"] = jnp.where(free, jnp.zeros((), dtype), spread["shrink"])

        def move(
            values: Array, slots: Slots, spread: dict[str, Array], moves: Any
        ) -> Moved:
            before = values, slots
            metric = jnp.asarray(idle.metric(slots), dtype)
            if self.penalized:
                shrink = spread["shrink"]
                values -= metric * shrink if self.adaptive else shrink
            if idle.direction is not None:
                values -= metric * (spread["glide"] * idle.direction(slots))
            faded = {name: slots[name] * spread[name] for name in self.decay}
            values = jnp.maximum(values, spread["floor"])
            return _where(moves, (values, slots | faded), before)

        def stay(values: Array, slots: Slots, *rest: Any) -> Moved:
            del rest
            return values, slots

        waited = jnp.any(past.steps > 0) | ~jnp.all(valid)
        moves = _spread(active, shape)
        return _apart(waited, move, stay, (values, slots, spread, moves))


def make_motion(
    rule: Rule,
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule,
    prox: Prox | None,
    metric: Metric,
) -> Motion:
    """The motion for these arguments of `LazyRows`.

    Raises:
      ValueError: the rule or the prox has no closed form, or the metric is unknown.
    """
    prox = nonnegative_soft_threshold if prox is None else prox
    if rule.idle is None:
        raise ValueError(
            "This rule has no closed form for steps in which a row has no gradient "
            "(Adam's second moment decays in them): use amsgrad or yogi, or the dense "
            "ant_jax.optim.proximal."
        )
    if prox not in _CLAMPED:
        names = ", ".join(sorted(known.__name__ for known in _CLAMPED))
        raise ValueError(
            f"{getattr(prox, '__name__', prox)} has no closed form over many steps: "
            f"use one of {names}, or the dense ant_jax.optim.proximal."
        )
    return Motion(
        rule=rule,
        idle=rule.idle,
        learning_rate=learning_rate,
        l1=l1,
        prox=prox,
        clamped=_CLAMPED[prox],
        penalized=prox is nonnegative_soft_threshold,
        adaptive=in_own_metric(rule, metric),
        momentum=_number(rule.idle.momentum),
        decay={name: _number(factor) for name, factor in rule.idle.decay.items()},
    )


def _number(value: ArrayLike) -> float:
    return float(np.asarray(value))


def _spread(
    active: Bool[Array, " mask"] | None, shape: tuple[int, ...]
) -> Bool[Array, "rows columns"] | None:
    if active is None:
        return None
    if active.shape != shape[1:]:
        raise ValueError(
            f"active has the shape {active.shape}, but the table has {shape[1]} "
            "columns."
        )
    return jnp.broadcast_to(active[None], shape)


def _where(moves: Array | None, new: Moved, old: Moved) -> Moved:
    if moves is None:
        return new
    return jax.tree.map(lambda new, old: jnp.where(moves, new, old), new, old)


def _apart(
    condition: Array, change: Callable[..., Any], keep: Callable[..., Any], args: Any
) -> Any:
    """`change(*args)`, or possibly `keep(*args)` if the condition is false.

    On a CPU XLA would fuse this arithmetic into the loops that unpack and pack rows,
    element by element with branches in between. A conditional keeps it out of them,
    over flat arrays, which XLA vectorizes for any number of columns.
    """
    shape = args[0].shape
    if shape[0] < _MANY_ROWS:
        return change(*args)

    def flat(function: Callable[..., Any]) -> Callable[..., Any]:
        def on_lines(*args: Any) -> Any:
            return jax.tree.map(jnp.ravel, function(*jax.tree.map(jnp.ravel, args)))

        return on_lines

    def branch(*args: Any) -> Any:
        lines = lax.cond(condition, flat(change), flat(keep), *args)
        return jax.tree.map(lambda x: x.reshape(shape), lines)

    return lax.platform_dependent(*args, cpu=branch, default=change)
