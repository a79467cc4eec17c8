"""Differentiable samples of one out of k choices."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.dtypes import accumulator


def gumbel_softmax(
    key: PRNGKeyArray,
    logits: Float[Array, "... choices"],
    temperature: ArrayLike,
    *,
    straight_through: bool = False,
) -> Float[Array, "... choices"]:
    """Draws Gumbel-softmax samples: `softmax((logits + g) / temperature)`.

    Jang, Gu, Poole, *Categorical Reparameterization with Gumbel-Softmax*, ICLR 2017,
    eq. (2), with g standard Gumbel noise. The largest entry of a sample is choice i
    with probability `softmax(logits)_i` at any temperature; as the temperature falls to
    0 the sample becomes one-hot. Logits need not be normalized.

    Args:
      key: PRNG key.
      logits: log-probabilities up to a constant, float (..., k).
      temperature: positive, a scalar or an array that broadcasts against `logits`.
      straight_through: whether to return the one-hot vector of the sample's largest
        entry, with the derivative of the sample itself.

    Returns:
      Samples, float (..., k), non-negative with sum 1, in the dtype of `logits`, or in
      float32 if that is narrower.

    Example:
      >>> import jax
      >>> logits = jax.numpy.array([[0.0, 0.0], [0.0, 99.0]])
      >>> gumbel_softmax(jax.random.key(0), logits, 0.9).round(2).tolist()[1]
      [0.0, 1.0]
    """
    wide = accumulator(logits.dtype)
    noise = jax.random.gumbel(key, logits.shape, wide)
    noisy = logits.astype(wide) + noise
    soft = jax.nn.softmax(noisy / jnp.asarray(temperature, wide), axis=-1)
    if not straight_through:
        return soft
    hard = jax.nn.one_hot(jnp.argmax(soft, axis=-1), soft.shape[-1], dtype=wide)
    # In this order the added term is exactly zero and the result exactly one-hot.
    return hard + (soft - jax.lax.stop_gradient(soft))
