"""The most frequent objects as anchors, alone or before others."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PRNGKeyArray

from ant_jax.anchors.largest import largest
from ant_jax.clustering.kmeans import kmeans_plus_plus


def most_frequent(counts: ArrayLike, k: int) -> Int[np.ndarray, " k"]:
    """The k objects that occur most often.

    Args:
      counts: occurrences of each object in training, (V,).
      k: how many.

    Returns:
      Ids, int64 (k,), the most frequent first and of equals the smaller id.

    Raises:
      ValueError: see `largest`.
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
    """The most frequent objects first, then k-means++ for what they leave uncovered.

    Args:
      key: key of the draws.
      points: vectors of the objects, (V, d).
      counts: occurrences of each object in training, (V,).
      k: how many objects to choose in all.
      num_frequent: how many of them are the most frequent, in [1, k].
      weights: see `kmeans_plus_plus`.

    Returns:
      Distinct ids, int32 (k,), the frequent ones first.

    Raises:
      ValueError: see `kmeans_plus_plus`.
    """
    frequent = most_frequent(counts, num_frequent)
    return kmeans_plus_plus(key, points, k, chosen=frequent, weights=weights)
