"""Direction and metric of each optimizer, one array at a time.

A rule turns a gradient into a direction `u` and a scale `c` for every coordinate, so
that an unpenalized step of length lr is `p - lr c u`. Since the rule gives the step
length of each coordinate, a proximal step can follow in the same metric. State
("slots") is kept in float32 for narrower parameters.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from ant_jax.dtypes import accumulator

Slots = dict[str, Array]  # name -> array of the parameter's shape
Metric = Literal["adaptive", "euclidean"]  # see `ant_jax.optim.proximal`
Count = TypeVar("Count", np.ndarray, Array)  # step counts, floats


class Step(NamedTuple):
    """One step of one array, before the learning rate.

    Attributes:
      direction: u, an average of gradients, of the shape of the parameter.
      scale: c, of the shape of the parameter or ().
      slots: the new slots.

    Example:
      >>> rule = sgd()
      >>> step = rule.step(jnp.array([4.0]), rule.init(jnp.array([1.0])), jnp.int32(1))
      >>> step.direction.tolist(), step.scale.item(), step.slots
      ([4.0], 1.0, {})
    """

    direction: Float[Array, "..."]
    scale: Float[Array, "..."]
    slots: Slots


class Idle(NamedTuple):
    """The effect of a rule on coordinates without gradient, in closed form.

    At step u, if the last gradient was at step t0, the direction is that of the slots
    at t0 times `momentum^(u - t0)`, the scale is `rate(u)` times the metric of these
    slots, and a slot has decayed by `decay^(u - t0)`.

    Attributes:
      rate: the factor of c that all coordinates share, a function of step numbers from
        1 on, float64 arrays of NumPy.
      metric: the rest of c, which does not change, a function of the slots.
      direction: u as a function of the slots; None if it is 0.
      momentum: factor of the direction from step to step.
      decay: factor from step to step of each slot that does not stay as it is, by name.

    Example:
      >>> idle = amsgrad().idle
      >>> idle.momentum, sorted(idle.decay.items())
      (0.9, [('mu', 0.9), ('nu', 0.999)])
    """

    rate: Callable[[np.ndarray], np.ndarray]
    metric: Callable[[Slots], Array]
    direction: Callable[[Slots], Array] | None = None
    momentum: ArrayLike = 0.0
    decay: Mapping[str, ArrayLike] = MappingProxyType({})


class Rule(NamedTuple):
    """An optimizer as two functions of a single array.

    Attributes:
      init: returns the slots of a parameter.
      step: `step(gradient, slots, count)` returns a `Step`; the count is int32 () and
        starts at 1, and the gradient is float32 or wider.
      uniform: whether all coordinates step alike, so that both metrics of a proximal
        step agree.
      idle: closed form of steps without gradient, which `ant_jax.LazyRows` needs; None
        if there is none.

    Example:
      >>> rule = adagrad(initial_accumulator_value=0.0, eps=0.0)
      >>> slots = rule.init(jnp.array([1.0]))
      >>> step = rule.step(jnp.array([4.0]), slots, jnp.int32(1))
      >>> step.scale.tolist(), step.slots["nu"].tolist()
      ([0.25], [16.0])
    """

    init: Callable[[Array], Slots]
    step: Callable[[Float[Array, "..."], Slots, Int[Array, ""]], Step]
    uniform: bool = False
    idle: Idle | None = None


def sgd(momentum: ArrayLike | None = None) -> Rule:
    """Gradient descent, with heavy-ball momentum if it is given (as `optax.sgd`).

    `m_t = momentum m_{t-1} + g_t`, `p_t = p_{t-1} - lr m_t`. Under a constant gradient
    m grows to `g / (1 - momentum)`, so that the step length that a penalty must match
    is `lr / (1 - momentum)`, and the direction is `(1 - momentum) m`.

    Args:
      momentum: decay of m, in [0, 1); None keeps no state.

    Returns:
      The rule.

    Example:
      >>> rule = sgd(momentum=0.5)
      >>> step = rule.step(jnp.array([4.0]), {"mu": jnp.array([2.0])}, jnp.int32(2))
      >>> step.direction.tolist(), step.scale.item()
      ([2.5], 2.0)
    """

    def init(p: Array) -> Slots:
        return {} if momentum is None else {"mu": _like(p, 0.0)}

    gain = 1.0 if momentum is None else 1 / (1 - momentum)

    def direction(slots: Slots) -> Array:
        return slots["mu"] / jnp.asarray(gain, slots["mu"].dtype)

    def step(g: Array, slots: Slots, t: Array) -> Step:
        del t
        if momentum is None:
            return Step(g, jnp.ones((), g.dtype), {})
        slots = {"mu": g + jnp.asarray(momentum, g.dtype) * slots["mu"]}
        return Step(direction(slots), jnp.asarray(gain, g.dtype), slots)

    if momentum is None:
        idle = Idle(rate=np.ones_like, metric=lambda slots: jnp.ones(()))
    else:
        idle = Idle(
            rate=np.ones_like,
            metric=lambda slots: jnp.asarray(gain, slots["mu"].dtype),
            direction=direction,
            momentum=momentum,
            decay={"mu": momentum},
        )
    return Rule(init, step, uniform=True, idle=idle)


def adagrad(initial_accumulator_value: ArrayLike = 0.1, eps: ArrayLike = 1e-7) -> Rule:
    """Adagrad: `v_t = v_{t-1} + g_t^2`, `p_t = p_{t-1} - lr g_t / sqrt(v_t + eps)`.

    Duchi, Hazan & Singer, JMLR 2011, with eps where `optax.adagrad` has it.

    Args:
      initial_accumulator_value: v_0, >= 0.
      eps: added to v, >= 0.

    Returns:
      The rule.

    Example:
      >>> rule = adagrad(initial_accumulator_value=0.0, eps=0.0)
      >>> step = rule.step(jnp.array([3.0]), {"nu": jnp.array([16.0])}, jnp.int32(2))
      >>> step.direction.tolist(), round(step.scale.item(), 2)
      ([3.0], 0.2)
    """

    def init(p: Array) -> Slots:
        return {"nu": _like(p, initial_accumulator_value)}

    def metric(slots: Slots) -> Array:
        return 1 / jnp.sqrt(slots["nu"] + jnp.asarray(eps, slots["nu"].dtype))

    def step(g: Array, slots: Slots, t: Array) -> Step:
        del t
        slots = {"nu": slots["nu"] + jnp.square(g)}
        return Step(g, metric(slots), slots)

    return Rule(init, step, idle=Idle(rate=np.ones_like, metric=metric))


def adam(b1: ArrayLike = 0.9, b2: ArrayLike = 0.999, eps: ArrayLike = 1e-8) -> Rule:
    """Adam, Kingma & Ba, ICLR 2015, algorithm 1 (as `optax.adam`).

    `m_t = b1 m_{t-1} + (1 - b1) g_t`, `v_t = b2 v_{t-1} + (1 - b2) g_t^2`,
    `p_t = p_{t-1} - lr m_t / (1 - b1^t) / (sqrt(v_t / (1 - b2^t)) + eps)`.

    It has no closed form of steps without gradient, in which v decays, so that
    `ant_jax.LazyRows` refuses it.

    Args:
      b1: decay of the first moment m, in [0, 1).
      b2: decay of the second moment v, in [0, 1).
      eps: added to the root of v.

    Returns:
      The rule.

    Example:
      >>> rule = adam()
      >>> step = rule.step(jnp.array([4.0]), rule.init(jnp.array([1.0])), jnp.int32(1))
      >>> round((step.scale * step.direction).item(), 4)
      1.0
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, 0.0)}

    def step(g: Array, slots: Slots, t: Array) -> Step:
        mu = _average(b1, slots["mu"], g)
        nu = _average(b2, slots["nu"], jnp.square(g))
        t = t.astype(g.dtype)
        denominator = jnp.sqrt(nu / _debias(b2, t)) + jnp.asarray(eps, g.dtype)
        scale = 1 / (_debias(b1, t) * denominator)
        return Step(mu, scale, {"mu": mu, "nu": nu})

    return Rule(init, step)


def amsgrad(b1: ArrayLike = 0.9, b2: ArrayLike = 0.999, eps: ArrayLike = 1e-8) -> Rule:
    """AMSGrad, Reddi, Kale & Kumar, ICLR 2018: Adam whose denominator never falls.

    The maximum is taken over debiased second moments (as `optax.amsgrad`).

    Args:
      b1: decay of the first moment, in [0, 1).
      b2: decay of the second moment, in [0, 1).
      eps: added to the root of the largest second moment.

    Returns:
      The rule.

    Example:
      >>> rule = amsgrad()
      >>> slots = rule.init(jnp.array([1.0]))
      >>> for count, gradient in enumerate([4.0, 0.0], start=1):
      ...     slots = rule.step(jnp.array([gradient]), slots, jnp.int32(count)).slots
      >>> slots["nu_max"].round(4).tolist()
      [16.0]
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, 0.0), "nu_max": _like(p, 0.0)}

    def rate(t: Count) -> Count:
        return 1 / _debias(b1, t)

    def metric(slots: Slots) -> Array:
        nu_max = slots["nu_max"]
        return 1 / (jnp.sqrt(nu_max) + jnp.asarray(eps, nu_max.dtype))

    def step(g: Array, slots: Slots, t: Array) -> Step:
        t = t.astype(g.dtype)
        mu = _average(b1, slots["mu"], g)
        nu = _average(b2, slots["nu"], jnp.square(g))
        nu_max = jnp.maximum(slots["nu_max"], nu / _debias(b2, t))
        slots = {"mu": mu, "nu": nu, "nu_max": nu_max}
        return Step(mu, rate(t) * metric(slots), slots)

    # Without a gradient nu / (1 - b2^t) falls, so that its maximum does not change.
    return Rule(init, step, idle=_averaging(rate, metric, b1, {"mu": b1, "nu": b2}))


def yogi(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-3,
    initial_accumulator_value: ArrayLike = 1e-6,
) -> Rule:
    """Yogi as defined by Zaheer et al., NeurIPS 2018, and as used to train ANT.

    `m_t = b1 m_{t-1} + (1 - b1) g_t`,
    `v_t = v_{t-1} - (1 - b2) sign(v_{t-1} - g_t^2) g_t^2`,
    `p_t = p_{t-1} - lr sqrt(1 - b2^t) / (1 - b1^t) m_t / (sqrt(v_t) + eps)`.

    `optax.yogi` debiases v and adds eps to the result, so that its first steps are
    longer, the more so the smaller the gradient; it also starts m at 1e-6 and not at 0.

    Args:
      b1: decay of the first moment m, in [0, 1).
      b2: decay of the second moment v, in [0, 1).
      eps: added to the root of v.
      initial_accumulator_value: v_0, >= 0.

    Returns:
      The rule.

    Example:
      >>> rule = yogi()
      >>> step = rule.step(jnp.array([4.0]), rule.init(jnp.array([1.0])), jnp.int32(1))
      >>> step.slots["nu"].round(3).tolist(), round(step.direction.item(), 2)
      ([0.01600000075995922], 0.4)
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, initial_accumulator_value)}

    def rate(t: Count) -> Count:
        return _debias(b2, t) ** 0.5 / _debias(b1, t)

    def metric(slots: Slots) -> Array:
        return 1 / (jnp.sqrt(slots["nu"]) + jnp.asarray(eps, slots["nu"].dtype))

    def step(g: Array, slots: Slots, t: Array) -> Step:
        mu = _average(b1, slots["mu"], g)
        square = jnp.square(g)
        towards = jnp.sign(slots["nu"] - square) * square
        nu = slots["nu"] - jnp.asarray(1 - b2, g.dtype) * towards
        slots = {"mu": mu, "nu": nu}
        return Step(mu, rate(t.astype(g.dtype)) * metric(slots), slots)

    return Rule(init, step, idle=_averaging(rate, metric, b1, {"mu": b1}))


def _averaging(
    rate: Callable[[np.ndarray], np.ndarray],
    metric: Callable[[Slots], Array],
    b1: ArrayLike,
    decay: Mapping[str, ArrayLike],
) -> Idle:
    """The idle form of a rule whose direction is the decaying average mu."""
    return Idle(rate, metric, lambda slots: slots["mu"], b1, decay)


def _like(p: Array, value: ArrayLike) -> Array:
    # By arithmetic on zeros_like, which keeps the parameter's sharding.
    dtype = accumulator(p.dtype)
    return jnp.zeros_like(p, dtype=dtype) + jnp.asarray(value, dtype)


def _average(decay: ArrayLike, old: Array, new: Array) -> Array:
    # 1 - decay is computed before it is rounded to the dtype of the arrays.
    return jnp.asarray(decay, new.dtype) * old + jnp.asarray(1 - decay, new.dtype) * new


def _debias(decay: ArrayLike, t: Count) -> Count:
    """`1 - decay^t` for a float t of NumPy or JAX, without cancellation at small t."""
    xp = jnp if isinstance(t, jax.Array) else np
    if isinstance(decay, float) and 0 < decay < 1:
        return -xp.expm1(t * math.log(decay))
    return 1 - xp.asarray(decay, t.dtype) ** t
