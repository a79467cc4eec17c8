"""Training on what is not zero."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ant_jax.optim.elementwise import elementwise


def keep_zeros() -> optax.GradientTransformation:
    """Takes the gradient from entries that are zero, so that an optimizer leaves them.

    For a table that was pruned, before any optimizer that keeps an entry without a
    gradient at zero: `optax.chain(keep_zeros(), ant.proximal_yogi(1e-3))`. An entry
    that reaches zero meanwhile gets no gradient from then on; where entries may not be
    negative it stays there.

    Returns:
      The transformation.

    Raises:
      ValueError: in `update`, the parameters are missing.

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
                "To keep zeros the parameters are needed: update(grads, state, params)."
            )
        return jax.tree.map(where_nonzero, updates, params)

    return optax.stateless(update)


@elementwise
def where_nonzero(gradient: Array, p: Array) -> Array:
    """The gradient where p is not zero, and zero elsewhere."""
    return jnp.where(p != 0, gradient, jnp.zeros_like(gradient))
