"""The penalty on anchors that unrelated objects share."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Integer, PRNGKeyArray


def sample_pairs(
    key: PRNGKeyArray, pairs: ArrayLike, num_samples: int
) -> Int[Array, "samples 2"]:
    """Draws pairs uniformly and with replacement.

    Args:
      key: PRNG key.
      pairs: integers (n, 2), such as the negative pairs of a `RelationGraph`.
      num_samples: how many pairs to draw.

    Returns:
      int32 (num_samples, 2).

    Raises:
      ValueError: there are no pairs, or num_samples is below 1.

    Example:
      >>> sample_pairs(jax.random.key(0), np.array([[3, 5]]), 2).tolist()
      [[3, 5], [3, 5]]
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}.")
    pairs = jnp.asarray(pairs, jnp.int32)
    if not len(pairs):
        raise ValueError("There are no pairs to draw from: leave the penalty out.")
    return pairs[jax.random.randint(key, (num_samples,), 0, len(pairs))]


def overlap(
    transform: Float[Array, "rows anchors"], pairs: Integer[Array, "pairs 2"]
) -> Float[Array, ""]:
    """The weight that pairs of objects share: `Σ |t_u|ᵀ|t_v|` over the pairs (u, v).

    At 0 the derivative is the one from above, since T is not negative: it keeps pairs
    without shared anchors from gaining one. The derivative of `jnp.abs` would be 0
    there.

    Args:
      transform: T, float (V, K), or the rows of a batch.
      pairs: integers (n, 2) that index the rows of `transform`.

    Returns:
      A scalar.

    Example:
      >>> transform = jnp.array([[1.0, 2.0], [3.0, 0.0], [0.0, 4.0]])
      >>> float(overlap(transform, jnp.array([[0, 1], [0, 2]])))
      11.0
    """
    left, right = (transform[pairs[:, side]] for side in (0, 1))
    return jnp.sum(_abs(left) * _abs(right))


def negative_penalty(
    transform: Float[Array, "vocab anchors"],
    pairs: ArrayLike,
    key: PRNGKeyArray,
    num_samples: int,
) -> Float[Array, ""]:
    """An unbiased estimate of `overlap(transform, pairs)` from a sample of the pairs.

    The term over N in section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021,
    without its weight, with each pair counted once: the mean over the sample, times the
    number of pairs.

    If T is trained by `ant_jax.LazyRows`, pull the rows of the pairs together with
    those of the batch, which gives the same result:

        drawn = sample_pairs(key, graph.negative, num_samples)
        ids = jnp.concatenate([batch.ravel(), drawn.ravel()])
        table, pulled = lazy.pull(table, ids)
        own, pairs = pulled.ids[: batch.size], pulled.ids[batch.size :].reshape(-1, 2)
        scale = len(graph.negative) / num_samples
        ... + weight * scale * overlap(pulled.rows, pairs)

    Args:
      transform: T, float (V, K).
      pairs: integers (n, 2), each in [0, V).
      key: PRNG key of the sample, a fresh one at every step.
      num_samples: number of pairs in the sample.

    Returns:
      A scalar.

    Raises:
      ValueError: see `sample_pairs`.

    Example:
      >>> transform = jnp.array([[1.0, 2.0], [3.0, 0.0]])
      >>> pairs = np.array([[0, 1]])
      >>> float(negative_penalty(transform, pairs, jax.random.key(0), num_samples=4))
      3.0
    """
    drawn = sample_pairs(key, pairs, num_samples)
    return overlap(transform, drawn) * (np.shape(pairs)[0] / num_samples)


def _abs(x: Array) -> Array:
    return jnp.where(x < 0, -x, x)
