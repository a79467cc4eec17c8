"""The most frequent objects as anchors, alone or followed by others."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PRNGKeyArray

from ant_jax.anchors.largest import largest
from ant_jax.clustering.kmeans import kmeans_plus_plus


def most_frequent(counts: ArrayLike, k: int) -> Int[np.ndarray, " k"]:
    """The k objects that occur most often.

    Args:
      counts: occurrences of each object in training, numbers (V,).
      k: how many objects to choose.

    Returns:
      Ids, int64 (k,), the most frequent first; the smaller id first in a tie.

    Raises:
      ValueError: see `largest`.

    Example:
      >>> most_frequent(np.array([5, 9, 1, 9]), 3).tolist()
      [1, 3, 0]
    """
    return largest(counts, k)


def frequency_then_kmeans(
    key: PRNGKeyArray,
    points: ArrayLike,
    counts: ArrayLike,
    k: int,
    num_frequent: int,
    *,
    weights: ArrayLike | None = None,
) -> Int[Array, " k"]:
    """The most frequent objects, then k-means++ for what they leave uncovered.

    Args:
      key: PRNG key.
      points: vectors of the objects, float (V, d).
      counts: occurrences of each object in training, numbers (V,).
      k: how many objects to choose in all.
      num_frequent: how many of them are the most frequent, in [1, k].
      weights: see `kmeans_plus_plus`.

    Returns:
      Distinct ids, int32 (k,), the frequent ones first.

    Raises:
      ValueError: see `kmeans_plus_plus`.

    Example:
      >>> import jax
      >>> points, counts = np.array([[0.0], [0.1], [9.0]]), np.array([8, 1, 1])
      >>> frequency_then_kmeans(jax.random.key(0), points, counts, 2, 1).tolist()
      [0, 2]
    """
    frequent = most_frequent(counts, num_frequent)
    return kmeans_plus_plus(key, points, k, chosen=frequent, weights=weights)
