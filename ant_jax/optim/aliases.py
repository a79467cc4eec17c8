"""The proximal optimizers by their names: a rule, and `proximal` around it."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from ant_jax.optim import rules
from ant_jax.optim.prox import identity
from ant_jax.optim.proximal import Prox, ProximalState, proximal
from ant_jax.optim.schedules import ScalarOrSchedule


def proximal_sgd(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    momentum: ArrayLike | None = None,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Proximal gradient descent (ISTA), with heavy-ball momentum if one is given.

    Both metrics agree here, since every coordinate steps by the learning rate. See
    `proximal` for the arguments that all these optimizers share.

    Args:
      learning_rate: number or schedule.
      l1: weight of the penalty, number or schedule.
      momentum: decay of the momentum; None keeps no state.
      prox: see `proximal`.
      metric: see `proximal`.
      unpenalized: see `proximal`.
      penalty_weights: see `proximal`.

    Returns:
      The transformation.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = proximal_sgd(0.5, l1=1.0)
      >>> p = jnp.array([1.0, 0.25])
      >>> updates, _ = tx.update(jnp.array([-1.0, 0.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [1.0, 0.0]
    """
    return proximal(
        rules.sgd(momentum),
        learning_rate,
        l1,
        prox=prox,
        metric=metric,
        unpenalized=unpenalized,
        penalty_weights=penalty_weights,
    )


def proximal_adagrad(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    initial_accumulator_value: ArrayLike = 0.1,
    eps: ArrayLike = 1e-7,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Proximal Adagrad, section 2 of Duchi, Hazan & Singer, JMLR 2011.

    Args:
      learning_rate: number or schedule.
      l1: weight of the penalty, number or schedule.
      initial_accumulator_value: start of the sum of squares.
      eps: added to the sum of squares.
      prox: see `proximal`.
      metric: see `proximal`.
      unpenalized: see `proximal`.
      penalty_weights: see `proximal`.

    Returns:
      The transformation.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = proximal_adagrad(1.0, l1=1.0, initial_accumulator_value=0.0)
      >>> p = jnp.array([1.0, 1.0])
      >>> updates, _ = tx.update(jnp.array([2.0, -2.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [0.0, 1.5]
    """
    return proximal(
        rules.adagrad(initial_accumulator_value, eps),
        learning_rate,
        l1,
        prox=prox,
        metric=metric,
        unpenalized=unpenalized,
        penalty_weights=penalty_weights,
    )


def proximal_adam(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Proximal Adam: `rules.adam` with the penalty in Adam's metric.

    Args:
      learning_rate: number or schedule.
      l1: weight of the penalty, number or schedule.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
      prox: see `proximal`.
      metric: see `proximal`.
      unpenalized: see `proximal`.
      penalty_weights: see `proximal`.

    Returns:
      The transformation.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = proximal_adam(0.5, l1=0.05)
      >>> p = jnp.array([1.0, 0.25])
      >>> updates, _ = tx.update(jnp.array([1.0, 1.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).round(3).tolist()
      [0.25, 0.0]
    """
    return proximal(
        rules.adam(b1, b2, eps),
        learning_rate,
        l1,
        prox=prox,
        metric=metric,
        unpenalized=unpenalized,
        penalty_weights=penalty_weights,
    )


def proximal_amsgrad(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Proximal AMSGrad: `rules.amsgrad` with the penalty in its metric.

    Args:
      learning_rate: number or schedule.
      l1: weight of the penalty, number or schedule.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the largest second moment.
      prox: see `proximal`.
      metric: see `proximal`.
      unpenalized: see `proximal`.
      penalty_weights: see `proximal`.

    Returns:
      The transformation.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = proximal_amsgrad(0.5, l1=0.05)
      >>> p = jnp.array([1.0, 0.25])
      >>> updates, _ = tx.update(jnp.array([1.0, 1.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).round(3).tolist()
      [0.25, 0.0]
    """
    return proximal(
        rules.amsgrad(b1, b2, eps),
        learning_rate,
        l1,
        prox=prox,
        metric=metric,
        unpenalized=unpenalized,
        penalty_weights=penalty_weights,
    )


def proximal_yogi(
    learning_rate: ScalarOrSchedule,
    l1: ScalarOrSchedule = 0.0,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-3,
    initial_accumulator_value: ArrayLike = 1e-6,
    *,
    prox: Prox | None = None,
    metric: rules.Metric = "adaptive",
    unpenalized: Any = None,
    penalty_weights: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Proximal Yogi, what Anchor & Transform was trained with: `rules.yogi` plus prox.

    Args:
      learning_rate: number or schedule.
      l1: weight of the penalty, number or schedule.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
      initial_accumulator_value: start of the second moment.
      prox: see `proximal`.
      metric: see `proximal`.
      unpenalized: see `proximal`.
      penalty_weights: see `proximal`.

    Returns:
      The transformation.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = proximal_yogi(0.1, l1=1.0)
      >>> p = jnp.array([1.0, 0.01])
      >>> updates, _ = tx.update(jnp.array([-1.0, 0.0]), tx.init(p), p)
      >>> optax.apply_updates(p, updates).round(3).tolist()
      [0.12800000607967377, 0.0]
    """
    return proximal(
        rules.yogi(b1, b2, eps, initial_accumulator_value),
        learning_rate,
        l1,
        prox=prox,
        metric=metric,
        unpenalized=unpenalized,
        penalty_weights=penalty_weights,
    )


def yogi(
    learning_rate: ScalarOrSchedule,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-3,
    initial_accumulator_value: ArrayLike = 1e-6,
) -> optax.GradientTransformationExtraArgs:
    """Yogi as its paper defines it, for parameters without penalty: `rules.yogi`.

    Args:
      learning_rate: number or schedule.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
      initial_accumulator_value: start of the second moment.

    Returns:
      The transformation. Its `update` needs no `params`; with them, updates are exact
      differences between numbers of their dtype.

    Example:
      >>> import jax.numpy as jnp
      >>> tx = yogi(0.1)
      >>> p = jnp.zeros(1)
      >>> tx.update(jnp.ones(1), tx.init(p), p)[0].round(4).tolist()
      [-0.09690000116825104]
    """
    rule = rules.yogi(b1, b2, eps, initial_accumulator_value)
    tx = proximal(rule, learning_rate, prox=identity)

    def update(
        updates: Any, state: ProximalState, params: Any = None, **extra: Any
    ) -> tuple[Any, ProximalState]:
        if params is None:
            # A step from zero is the same step.
            params = jax.tree.map(jnp.zeros_like, updates)
        return tx.update(updates, state, params, **extra)

    return optax.GradientTransformationExtraArgs(tx.init, update)
