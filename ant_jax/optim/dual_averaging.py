"""Regularized dual averaging: a prox of the average of all gradients.

A proximal gradient method thresholds by the penalty of one step, which the noise of a
batch easily outweighs. Dual averaging thresholds the average of all gradients by the
whole penalty, so that a coordinate with a small average gradient is zero whatever a
single batch contributes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from ant_jax.dtypes import accumulator
from ant_jax.ops.elementwise import elementwise
from ant_jax.optim.prox import is_coordinatewise, soft_threshold
from ant_jax.optim.proximal import Prox, at, check_rate
from ant_jax.optim.schedules import ScalarOrSchedule


class DualAveragingState(NamedTuple):
    """State of dual averaging.

    Attributes:
      count: steps taken, int32 ().
      start: w_0, a pytree like the parameters, float32 or wider.
      total: sum of the gradients, of the same structure and dtypes.
      squares: sum of their squares, of the same structure and dtypes; None where it is
        not needed.

    Example:
      >>> import jax.numpy as jnp
      >>> dual_averaging(1.0).init(jnp.array([2.0])).start.tolist()
      [2.0]
    """

    count: Int[Array, ""]  # type: ignore[assignment]
    start: Any
    total: Any
    squares: Any


def dual_averaging(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    *,
    prox: Prox | None = None,
) -> optax.GradientTransformationExtraArgs:
    """l1-RDA, the method of Xiao, JMLR 2010, and of Sparse CBOW.

    With the average gradient `a_t = (g_1 + ... + g_t) / t`, step t goes to

        w_t = argmin_w <a_t, w> + l1 |w|_1 + |w - w_0|^2 / (2 s_t)
            = prox(w_0 - s_t a_t, l1, s_t),    s_t = learning_rate sqrt(t),

    eq. (8) of the paper with `beta_t = sqrt(t) / learning_rate`, but centered at the
    initial parameters where the paper has `w_0 = 0`: if all were zero, the factors of
    `E = T A` would have no gradient. As s_t grows, the penalty outgrows the start, so
    that in the end parts of w_0 that the gradients do not support become zero.

    Args:
      learning_rate: number, or schedule `count -> number` with count from 0. Iterates
        are a function of the sum of gradients, so that a decaying rate, such as
        repeated halving, draws them back to w_0.
      l1: weight of the penalty: number or schedule.
      prox: `prox(x, strength, scaling)`, see `ant_jax.optim.prox`; None takes
        `soft_threshold`.

    Returns:
      An `optax.GradientTransformationExtraArgs` whose `update` needs `params`. Updates
      are `new - old` in the dtype of the parameter, which `optax.apply_updates` turns
      into exact zeros.

    Raises:
      ValueError: the learning rate or l1 is negative or not finite, or, in `update`,
        params is missing.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = dual_averaging(1.0, l1=0.5)
      >>> p = jnp.array([0.0, 0.25])
      >>> updates, _ = tx.update(jnp.array([-2.0, 0.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [1.5, 0.0]
    """
    return _dual_averaging(learning_rate, l1, prox, None)


def adaptive_dual_averaging(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    delta: ArrayLike = 1e-3,
    *,
    prox: Prox | None = None,
) -> optax.GradientTransformationExtraArgs:
    """l1-RDA in the metric of Adagrad: Duchi, Hazan & Singer, JMLR 2011, eq. (3).

    As `dual_averaging`, with a step length for each coordinate:

        s_t = learning_rate t / (delta + sqrt(g_1^2 + ... + g_t^2)),

    which grows like t where gradients are rare, so that rare rows move and shrink as
    far as others.

    Args:
      learning_rate: see `dual_averaging`.
      l1: see `dual_averaging`.
      delta: added to the root of the sum of squares, > 0.
      prox: see `dual_averaging`.

    Returns:
      The transformation; its `update` needs `params`.

    Raises:
      ValueError: delta is not a finite number above 0, and see `dual_averaging`.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = adaptive_dual_averaging(1.0, l1=0.5, delta=1.0)
      >>> p = jnp.zeros(2)
      >>> updates, _ = tx.update(jnp.array([-3.0, 0.25]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [0.625, 0.0]
    """
    # With delta = 0 a coordinate that never had a gradient would step infinitely far.
    if isinstance(delta, (int, float)) and not 0 < delta < float("inf"):
        raise ValueError(f"delta must be a finite number > 0, got {delta!r}.")
    return _dual_averaging(learning_rate, l1, prox, delta)


def _dual_averaging(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule,
    prox: Prox | None,
    delta: ArrayLike | None,
) -> optax.GradientTransformationExtraArgs:
    check_rate("learning_rate", learning_rate)
    check_rate("l1", l1)
    operator = soft_threshold if prox is None else prox

    def init(params: Any) -> DualAveragingState:
        def zeros() -> Any:
            return jax.tree.map(
                lambda p: jnp.zeros_like(p, dtype=accumulator(p.dtype)), params
            )

        return DualAveragingState(
            count=jnp.zeros((), jnp.int32),
            # Added, so that the start is a copy: params may be donated.
            start=jax.tree.map(lambda z, p: z + p.astype(z.dtype), zeros(), params),
            total=zeros(),
            squares=None if delta is None else zeros(),
        )

    def update(
        updates: Any, state: DualAveragingState, params: Any = None, **extra: Any
    ) -> tuple[Any, DualAveragingState]:
        del extra
        if params is None:
            raise ValueError(
                "Dual averaging needs the parameters: update(grads, state, params)."
            )
        rate, strength = at(learning_rate, state.count), at(l1, state.count)
        count = optax.safe_increment(state.count)

        def leaf(
            p: Array,
            start: Float[Array, "..."],
            total: Float[Array, "..."],
            *squares: Float[Array, "..."],
        ) -> Array:
            dtype = start.dtype
            t = count.astype(dtype)
            length = jnp.asarray(rate, dtype)
            if squares:
                root = jnp.asarray(delta, dtype) + jnp.sqrt(squares[0])
                length = length * t / root
            else:
                length = length * jnp.sqrt(t)
            half = start - length * (total / t)
            new = operator(half, jnp.asarray(strength, dtype), length)
            return new.astype(p.dtype) - p

        if is_coordinatewise(operator):
            leaf = elementwise(leaf)

        def add(old: Array, g: Array) -> Array:
            return old + g.astype(old.dtype)

        total = jax.tree.map(add, state.total, updates)
        squares = state.squares
        rest: list[Any] = [state.start, total]
        if squares is not None:
            squares = jax.tree.map(
                lambda old, g: old + jnp.square(g.astype(old.dtype)), squares, updates
            )
            rest.append(squares)
        new = DualAveragingState(count, state.start, total, squares)
        return jax.tree.map(leaf, params, *rest), new

    return optax.GradientTransformationExtraArgs(init, update)
