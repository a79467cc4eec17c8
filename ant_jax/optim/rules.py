"""Direction and metric of each optimizer, one array at a time.

A rule turns a gradient into a direction `u` and a scale `c` for every coordinate, so
that an unpenalized step of length lr is `p - lr c u`. Because the rule says how long
the step of each coordinate was, a proximal step can follow in the same metric. State
("slots") is kept in float32 for narrower parameters.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from ant_jax.numerics import accumulator

Slots = dict[str, Array]  # name -> array of the parameter's shape


class Step(NamedTuple):
    """One step of one array, before the learning rate."""

    direction: Float[Array, "..."]  # u, an average of gradients, shape of the parameter
    scale: Float[Array, "..."]  # c, shape of the parameter or ()
    slots: Slots


class Rule(NamedTuple):
    """An optimizer as two functions of a single array."""

    init: Callable[[Array], Slots]
    step: Callable[[Float[Array, "..."], Slots, Int[Array, ""]], Step]
    uniform: bool = False  # whether all coordinates step alike


def sgd(momentum: ArrayLike | None = None) -> Rule:
    """Gradient descent, with heavy-ball momentum if one is given.

    `m_t = momentum m_{t-1} + g_t`, `p_t = p_{t-1} - lr m_t` (as `optax.sgd`). Under a
    constant gradient m grows to `g / (1 - momentum)`, so the step length that a penalty
    must match is `lr / (1 - momentum)`, and the direction `(1 - momentum) m`.
    """

    def init(p: Array) -> Slots:
        return {} if momentum is None else {"mu": _like(p, 0.0)}

    def step(g: Array, slots: Slots, t: Array) -> Step:
        del t
        one = jnp.ones((), g.dtype)
        if momentum is None:
            return Step(g, one, {})
        decay = jnp.asarray(momentum, g.dtype)
        mu = g + decay * slots["mu"]
        return Step((1 - decay) * mu, one / (1 - decay), {"mu": mu})

    return Rule(init, step, uniform=True)


def adagrad(initial_accumulator_value: ArrayLike = 0.1, eps: ArrayLike = 1e-7) -> Rule:
    """Adagrad: `v_t = v_{t-1} + g_t^2`, `p_t = p_{t-1} - lr g_t / sqrt(v_t + eps)`.

    Duchi, Hazan & Singer, JMLR 2011, with eps where `optax.adagrad` has it.
    """

    def init(p: Array) -> Slots:
        return {"nu": _like(p, initial_accumulator_value)}

    def step(g: Array, slots: Slots, t: Array) -> Step:
        del t
        nu = slots["nu"] + jnp.square(g)
        return Step(g, 1 / jnp.sqrt(nu + jnp.asarray(eps, g.dtype)), {"nu": nu})

    return Rule(init, step)


def adam(b1: ArrayLike = 0.9, b2: ArrayLike = 0.999, eps: ArrayLike = 1e-8) -> Rule:
    """Adam, Kingma & Ba, ICLR 2015, algorithm 1 (as `optax.adam`)."""

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, 0.0)}

    def step(g: Array, slots: Slots, t: Array) -> Step:
        mu = _average(b1, slots["mu"], g)
        nu = _average(b2, slots["nu"], jnp.square(g))
        denominator = jnp.sqrt(nu / _debias(b2, t, g)) + jnp.asarray(eps, g.dtype)
        scale = 1 / (_debias(b1, t, g) * denominator)
        return Step(mu, scale, {"mu": mu, "nu": nu})

    return Rule(init, step)


def amsgrad(b1: ArrayLike = 0.9, b2: ArrayLike = 0.999, eps: ArrayLike = 1e-8) -> Rule:
    """AMSGrad, Reddi, Kale & Kumar, ICLR 2018: Adam whose denominator never falls.

    The maximum is taken over debiased second moments (as `optax.amsgrad`).
    """

    def init(p: Array) -> Slots:
        return {"mu": _like(p, 0.0), "nu": _like(p, 0.0), "nu_max": _like(p, 0.0)}

    def step(g: Array, slots: Slots, t: Array) -> Step:
        mu = _average(b1, slots["mu"], g)
        nu = _average(b2, slots["nu"], jnp.square(g))
        nu_max = jnp.maximum(slots["nu_max"], nu / _debias(b2, t, g))
        scale = 1 / (_debias(b1, t, g) * (jnp.sqrt(nu_max) + jnp.asarray(eps, g.dtype)))
        return Step(mu, scale, {"mu": mu, "nu": nu, "nu_max": nu_max})

    return Rule(init, step)


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

    def step(g: Array, slots: Slots, t: Array) -> Step:
        mu = _average(b1, slots["mu"], g)
        square = jnp.square(g)
        towards = jnp.sign(slots["nu"] - square) * square
        nu = slots["nu"] - (1 - jnp.asarray(b2, g.dtype)) * towards
        rate = jnp.sqrt(_debias(b2, t, g)) / _debias(b1, t, g)
        return Step(
            mu, rate / (jnp.sqrt(nu) + jnp.asarray(eps, g.dtype)), {"mu": mu, "nu": nu}
        )

    return Rule(init, step)


def _like(p: Array, value: ArrayLike) -> Array:
    # Arithmetic on zeros_like, since that keeps the parameter's sharding.
    dtype = accumulator(p.dtype)
    return jnp.zeros_like(p, dtype=dtype) + jnp.asarray(value, dtype)


def _average(decay: ArrayLike, old: Array, new: Array) -> Array:
    decay = jnp.asarray(decay, new.dtype)
    return decay * old + (1 - decay) * new


def _debias(decay: ArrayLike, t: Int[Array, ""], like: Array) -> Float[Array, ""]:
    return 1 - jnp.asarray(decay, like.dtype) ** t.astype(like.dtype)
