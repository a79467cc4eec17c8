"""Weights of the penalty for each object."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def frequency_weights(counts: ArrayLike, power: float) -> Float[Array, "vocab 1"]:
    """Weights `n_v^power` for the objects of a vocabulary, with a mean of 1.

    A loss averaged over a batch pulls at a row in proportion to how often its object
    occurs, while l1 pulls at all rows alike, so that rare objects are shrunk most. A
    power of 1 penalizes every occurrence alike; a negative power shrinks rare objects
    even more. Pass the result as `penalty_weights` to `ant_jax.optim.proximal`.

    Args:
      counts: occurrences n_v of each object in training, numbers (V,), >= 0. An object
        that does not occur counts as occurring once.
      power: exponent; 0 gives every object the weight 1.

    Returns:
      float32 (V, 1).

    Raises:
      ValueError: counts are not of shape (V,), negative or not finite, or the power is
        not finite.

    Example:
      >>> frequency_weights(np.array([9, 1, 4]), 0.5).ravel().tolist()
      [1.5, 0.5, 1.0]
    """
    array = np.asarray(counts, np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"counts must have the shape (V,), got {array.shape}.")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError("counts must be finite numbers >= 0.")
    if not np.isfinite(power):
        raise ValueError(f"power must be a finite number, got {power!r}.")
    # Relative to the largest, in log space, so that no power overflows before the mean.
    logs = power * np.log(np.maximum(array, 1))
    weights = np.exp(logs - logs.max())
    weights /= weights.mean()
    return jnp.asarray(weights[:, None], jnp.float32)
