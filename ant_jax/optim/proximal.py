"""Optax transformations with the proximal step inside the optimizer.

A prox chained after another transformation cannot know how long the step of each
coordinate was. Here rule and prox are one: with `metric="adaptive"` the prox is taken
in the optimizer's own metric, so that a coordinate that steps far is also shrunk by
more, and the iteration minimizes `loss + l1 |T|_1` as it should.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int

from ant_jax.dtypes import accumulator
from ant_jax.ops.elementwise import elementwise
from ant_jax.optim import rules
from ant_jax.optim.prox import (
    is_coordinatewise,
    nonnegative_soft_threshold,
)
from ant_jax.optim.schedules import ScalarOrSchedule

Prox = Callable[[Array, ArrayLike, ArrayLike], Array]


class ProximalState(NamedTuple):
    """State of a proximal transformation."""

    count: Int[Array, ""]  # type: ignore[assignment]  # steps taken, int32 ()
    slots: dict[str, Any]  # name -> pytree like params, float32 or wider


def proximal(
    rule: rules.Rule,
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """A descent rule and, in the same update, a proximal step.

    With direction u and scale c from the rule, one step is

        p <- prox(p - lr c u, l1, lr c)        metric="adaptive"
        p <- prox(p - lr c u, l1, lr)          metric="euclidean"

    The first is the minimizer of the linearized loss plus penalty in the metric
    `1 / (lr c)`. The second, with the default prox, is eq. (3) of Liang et al., ICLR
    2021. Where all coordinates of an array step alike (SGD) the first is meant by both.

    Args:
      rule: direction and metric, see `ant_jax.optim.rules`.
      learning_rate: number, or schedule `count -> number` with count from 0.
      l1: weight of the penalty, the papers' lambda_2: number or schedule.
      prox: `prox(x, strength, scaling)`, see `ant_jax.optim.prox`; None takes
        `nonnegative_soft_threshold`.
      metric: "adaptive" or "euclidean".
      unpenalized: pytree of booleans like params or like a prefix of it, True where an
        entry is free of the penalty (constraints still hold there). For a prox that
        couples entries it must be constant along the last axis, kept as size 1.
      penalty_weights: pytree of numbers and arrays like params or like a prefix of it,
        by which l1 is multiplied: an array has the number of axes of its parameter and
        sizes of 1 where it repeats, so `(V, 1)` is a weight for each row; see
        `ant_jax.optim.frequency_weights`. None leaves l1 as it is.

    Returns:
      An `optax.GradientTransformationExtraArgs` whose `update` needs `params`. Updates
      are `new - old` in the dtype of the parameter, which `optax.apply_updates` turns
      into exact zeros and never into a number below zero.

    Raises:
      ValueError: unknown metric, negative or non-finite learning rate, l1 or penalty
        weight, and, in `update`, params missing or weights of a shape that does not fit
        them.

    Example:
      >>> from ant_jax.optim import rules
      >>> tx = proximal(rules.sgd(), learning_rate=1.0, l1=0.5)
      >>> p = jnp.array([[0.25, 2.0]])
      >>> updates, _ = tx.update(jnp.array([[0.0, 1.0]]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [[0.0, 0.5]]
    """
    own_metric = in_own_metric(rule, metric)
    check_rate("learning_rate", learning_rate)
    check_rate("l1", l1)
    _check_weights(penalty_weights)
    prox = nonnegative_soft_threshold if prox is None else prox

    def init(params: Any) -> ProximalState:
        leaves, treedef = jax.tree.flatten(params)
        slots = [rule.init(leaf) for leaf in leaves]
        return ProximalState(jnp.zeros((), jnp.int32), _by_name(slots, treedef))

    def update(
        updates: Any, state: ProximalState, params: Any = None, **extra: Any
    ) -> tuple[Any, ProximalState]:
        del extra
        if params is None:
            raise ValueError(
                "A proximal step needs the parameters: update(grads, state, params)."
            )
        treedef: Any
        leaves, treedef = jax.tree.flatten(params)
        gradients = treedef.flatten_up_to(updates)
        slots = _by_leaf(state.slots, treedef)
        free = treedef.flatten_up_to(_broadcast(unpenalized, False, params))
        weights = treedef.flatten_up_to(_broadcast(penalty_weights, 1.0, params))
        for weight, p in zip(weights, leaves, strict=True):
            _check_fit(jnp.shape(weight), jnp.shape(p))
        t = optax.safe_increment(state.count)

        lr, strength = (at(schedule, state.count) for schedule in (learning_rate, l1))

        def leaf(
            p: Array, g: Array, old: rules.Slots, mask: ArrayLike, weight: ArrayLike
        ) -> Any:
            dtype = accumulator(p.dtype)
            unpenalized = None if mask is False else mask
            new, slots = take_step(
                rule.step(g.astype(dtype), old, t),
                p.astype(dtype),
                lr,
                jnp.asarray(strength, dtype) * jnp.asarray(weight, dtype),
                prox,
                unpenalized,
                own_metric=own_metric,
            )
            return new.astype(p.dtype) - p, slots

        if is_coordinatewise(prox):
            leaf = elementwise(leaf)
        columns = leaves, gradients, slots, free, weights
        new = [leaf(*arguments) for arguments in zip(*columns, strict=True)]
        deltas = treedef.unflatten([delta for delta, _ in new])
        return deltas, ProximalState(t, _by_name([slot for _, slot in new], treedef))

    return optax.GradientTransformationExtraArgs(init, update)


def take_step(
    step: rules.Step,
    p: Array,
    learning_rate: ArrayLike,
    strength: ArrayLike,
    prox: Prox,
    unpenalized: ArrayLike | None,
    *,
    own_metric: bool,
) -> tuple[Array, rules.Slots]:
    """One proximal step of one array, as `proximal` defines it.

    Args:
      step: direction and scale from the rule, in the dtype of p.
      p: the array.
      learning_rate: a number.
      strength: weight of the penalty; broadcasts against p.
      prox: see `proximal`.
      unpenalized: True where there is no penalty; broadcasts against p.
      own_metric: whether the penalty is scaled as the step is.

    Returns:
      The new array, and the new slots of the rule.
    """
    rate = jnp.asarray(learning_rate, p.dtype)
    length = rate * step.scale
    weight = jnp.asarray(strength, p.dtype)
    if unpenalized is not None:
        weight = jnp.where(unpenalized, jnp.zeros_like(weight), weight)
    half = p - length * step.direction
    return prox(half, weight, length if own_metric else rate), step.slots


def in_own_metric(rule: rules.Rule, metric: str) -> bool:
    """Whether the penalty is scaled as the steps of the rule are.

    Raises:
      ValueError: the metric is neither "adaptive" nor "euclidean".
    """
    if metric not in ("adaptive", "euclidean"):
        raise ValueError(f"metric must be 'adaptive' or 'euclidean', got {metric!r}.")
    return metric == "adaptive" or rule.uniform


def at(schedule: ScalarOrSchedule, count: Array) -> Any:
    """The value of a schedule, or the number that stands for one."""
    return schedule(count) if callable(schedule) else schedule


def _by_name(slots: Sequence[rules.Slots], treedef: Any) -> dict[str, Any]:
    names = slots[0] if slots else ()
    return {name: treedef.unflatten([s[name] for s in slots]) for name in names}


def _by_leaf(slots: dict[str, Any], treedef: Any) -> list[rules.Slots]:
    columns = {name: treedef.flatten_up_to(tree) for name, tree in slots.items()}
    return [
        {name: column[i] for name, column in columns.items()}
        for i in range(treedef.num_leaves)
    ]


def _broadcast(prefix: Any, default: Any, params: Any) -> Any:
    prefix = default if prefix is None else prefix
    return jax.tree.map(lambda m, sub: jax.tree.map(lambda _: m, sub), prefix, params)


def check_rate(name: str, rate: ScalarOrSchedule) -> None:
    """Refuses a number that is negative or not finite.

    Raises:
      ValueError: naming it.
    """
    # A schedule or a traced number cannot be looked at yet.
    if isinstance(rate, (int, float)) and not 0 <= rate < float("inf"):
        raise ValueError(f"{name} must be a finite number >= 0, got {rate!r}.")


def _check_weights(weights: Any) -> None:
    for weight in jax.tree.leaves(weights):
        if isinstance(weight, jax.core.Tracer):
            continue
        numbers = jnp.asarray(weight, jnp.float32)
        if not bool(jnp.all((numbers >= 0) & (numbers < jnp.inf))):
            raise ValueError("penalty_weights must be finite numbers >= 0.")


def _check_fit(weight: tuple[int, ...], p: tuple[int, ...]) -> None:
    if not weight:
        return
    if len(weight) != len(p) or any(
        size not in (1, full) for size, full in zip(weight, p, strict=True)
    ):
        raise ValueError(
            f"penalty_weights of shape {weight} do not fit parameters of shape {p}: "
            f"they need {len(p)} axes, each of the same size or of size 1."
        )
