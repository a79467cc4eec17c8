"""Direction and metric of each optimizer, one array at a time.

A rule turns a gradient into a direction `u` and a scale `c` for every coordinate, so
that an unpenalized step of length lr is `p - lr c u`. Because the rule says how long
the step of each coordinate was, a proximal step can follow in the same metric. State
("slots") is kept in float32 for narrower parameters.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from ant_jax.numerics import accumulator

Slots = dict[str, Array]  # name -> array of the parameter's shape


class Step(NamedTuple):
    """One step of one array, before the learning rate."""

    direction: Float[Array, "..."]  # u, an average of gradients, shape of the parameter
    scale: Float[Array, "..."]  # c, shape of the parameter or ()
    slots: Slots


class Idle(NamedTuple):
    """What a rule does to coordinates for as long as they have no gradient.

    At step u, when the last gradient was that of step t0, the direction is the one that
    the slots of t0 give, times `momentum^(u - t0)`, the scale is `rate(u)` times the
    metric of these slots, and a slot has shrunk by `decay^(u - t0)`.
    """

    rate: Callable[[Any], Any]  # part of c that all coordinates share, of the step 1...
    metric: Callable[[Slots], Array]  # the rest of c, which stays as it is
    direction: Callable[[Slots], Array] | None = None  # u from slots; None: it is 0
    momentum: Any = 0.0  # factor of the direction, a step
    decay: Mapping[str, Any] = MappingProxyType({})  # of slots that do not stay


class Rule(NamedTuple):
    """An optimizer as two functions of a single array."""

    init: Callable[[Array], Slots]
    step: Callable[[Float[Array, "..."], Slots, Int[Array, ""]], Step]
    uniform: bool = False  # whether all coordinates step alike
    idle: Idle | None = None  # None: it has no such form


def sgd(momentum: ArrayLike | None = None) -> Rule:
    """Gradient descent, with heavy-ball momentum if one is given.

    `m_t = momentum m_{t-1} + g_t`, `p_t = p_{t-1} - lr m_t` (as `optax.sgd`). Under a
    constant gradient m grows to `g / (1 - momentum)`, so the step length that a penalty
    must match is `lr / (1 - momentum)`, and the direction `(1 - momentum) m`.
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
    """Adam, Kingma & Ba, ICLR 2015, algorithm 1 (as `optax.adam`)."""

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
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, 0.0), "nu_max": _like(p, 0.0)}

    def rate(t: Any) -> Any:
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

    # Without gradient nu / (1 - b2^t) falls, so its maximum stays.
    return Rule(init, step, idle=_averaging(rate, metric, b1, {"mu": b1, "nu": b2}))


def yogi(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-3,
    initial_accumulator_value: ArrayLike = 1e-6,
) -> Rule:
    """Yogi as Zaheer et al., NeurIPS 2018, define it and as ANT was trained with it.

    `m_t = b1 m_{t-1} + (1 - b1) g_t`,
    `v_t = v_{t-1} - (1 - b2) sign(v_{t-1} - g_t^2) g_t^2`,
    `p_t = p_{t-1} - lr sqrt(1 - b2^t) / (1 - b1^t) m_t / (sqrt(v_t) + eps)`.

    `optax.yogi` debiases v instead and adds eps to that, which makes its first steps
    longer, by more the smaller the gradient is; it also starts m at 1e-6, not at 0.
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, initial_accumulator_value)}

    def rate(t: Any) -> Any:
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
    rate: Callable[[Any], Any],
    metric: Callable[[Slots], Array],
    b1: ArrayLike,
    decay: Mapping[str, Any],
) -> Idle:
    """Of a rule whose direction is the decaying average mu."""
    return Idle(rate, metric, lambda slots: slots["mu"], b1, decay)


def _like(p: Array, value: ArrayLike) -> Array:
    # Arithmetic on zeros_like, since that keeps the parameter's sharding.
    dtype = accumulator(p.dtype)
    return jnp.zeros_like(p, dtype=dtype) + jnp.asarray(value, dtype)


def _average(decay: ArrayLike, old: Array, new: Array) -> Array:
    # 1 - decay is taken before it is rounded to the dtype of the arrays.
    return jnp.asarray(decay, new.dtype) * old + jnp.asarray(1 - decay, new.dtype) * new


def _debias(decay: ArrayLike, t: Any) -> Any:
    """`1 - decay^t` for a float t of NumPy or JAX, without cancellation at small t."""
    xp = jnp if isinstance(t, jax.Array) else np
    if isinstance(decay, float) and 0 < decay < 1:
        return -xp.expm1(t * math.log(decay))
    return 1 - xp.asarray(decay, t.dtype) ** t
