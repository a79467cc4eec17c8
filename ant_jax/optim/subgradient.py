"""The L1 penalty in the gradient, which makes entries small but none of them zero."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from ant_jax.optim.proximal import at, check_rate
from ant_jax.optim.schedules import ScalarOrSchedule


class L1SubgradientState(NamedTuple):
    """State of `l1_subgradient`.

    Attributes:
      count: steps taken, int32 ().

    Example:
      >>> L1SubgradientState(jnp.zeros((), jnp.int32)).count.item()
      0
    """

    count: Int[Array, ""]  # type: ignore[assignment]


def l1_subgradient(l1: ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """Adds a subgradient of `l1 |p|_1` to the gradient: `g + l1 sign(p)`.

    Network Slimming (Liu et al., ICCV 2017) trains with it before pruning, see
    `ant_jax.embeddings.SlimmingEmbedding`. Chain it in front of an optimizer, inside
    `optax.masked` to penalize the tables only.

    Args:
      l1: weight of the penalty: number, or schedule `count -> number` with count from
        0.

    Returns:
      The transformation; its `update` needs `params`.

    Raises:
      ValueError: l1 is negative or not finite, or, in `update`, params is missing.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = optax.chain(l1_subgradient(0.5), optax.sgd(1.0))
      >>> p = jnp.array([2.0, -2.0, 0.0])
      >>> updates, _ = tx.update(jnp.zeros(3), tx.init(p), p)
      >>> optax.apply_updates(p, updates).tolist()
      [1.5, -1.5, 0.0]
    """
    check_rate("l1", l1)

    def init(params: Any) -> L1SubgradientState:
        del params
        return L1SubgradientState(jnp.zeros((), jnp.int32))

    def update(
        updates: Any, state: L1SubgradientState, params: Any = None, **extra: Any
    ) -> tuple[Any, L1SubgradientState]:
        del extra
        if params is None:
            raise ValueError(
                "l1_subgradient needs the parameters: update(grads, state, params)."
            )
        strength = at(l1, state.count)

        def leaf(g: Array, p: Array) -> Array:
            return g + jnp.asarray(strength, g.dtype) * jnp.sign(p).astype(g.dtype)

        count = optax.safe_increment(state.count)
        return jax.tree.map(leaf, updates, params), L1SubgradientState(count)

    return optax.GradientTransformationExtraArgs(init, update)
