"""Training the non-zero entries only."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ant_jax.ops.elementwise import elementwise


def keep_zeros() -> optax.GradientTransformation:
    """Zeroes the gradient of entries that are zero, so that they stay zero.

    For a pruned table, before any optimizer that does not move an entry without
    gradient away from zero: `optax.chain(keep_zeros(), ant.proximal_yogi(1e-3))`. An
    entry that reaches zero during training gets no gradient from then on; it stays zero
    if entries must not be negative.

    Returns:
      The transformation; its `update` needs `params`.

    Raises:
      ValueError: in `update`, params is missing.

    Example:
      >>> tx = keep_zeros()
      >>> p = jnp.array([0.0, 1.0])
      >>> updates, _ = tx.update(jnp.array([2.0, 2.0]), tx.init(p), p)
      >>> updates.tolist()
      [0.0, 2.0]
    """

    def update(updates: Any, params: Any) -> Any:
        if params is None:
            raise ValueError(
                "keep_zeros needs the parameters: update(grads, state, params)."
            )
        return jax.tree.map(where_nonzero, updates, params)

    return optax.stateless(update)


@elementwise
def where_nonzero(gradient: Array, p: Array) -> Array:
    """The gradient where `p` is not zero, and zero elsewhere.

    Args:
      gradient: float array.
      p: array of the same shape.

    Returns:
      Array of the shape and dtype of `gradient`.

    Example:
      >>> where_nonzero(jnp.array([2.0, 2.0]), jnp.array([0.0, 1.0])).tolist()
      [0.0, 2.0]
    """
    return jnp.where(p != 0, gradient, jnp.zeros_like(gradient))
