"""The objects with the highest scores."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Int

from ant_jax.clustering.seeding import check_count


def largest(scores: ArrayLike, k: int) -> Int[np.ndarray, " k"]:
    """The k objects with the largest scores.

    Args:
      scores: one number for each object, (V,), such as counts, `tf_idf`, or the
        negative log alpha of variational dropout.
      k: how many objects to choose.

    Returns:
      Ids, int64 (k,), the largest first; the smaller id first in a tie.

    Raises:
      ValueError: scores are not of shape (V,) or contain NaN, or k is not in [1, V].

    Example:
      >>> largest(np.array([1.0, 5.0, 2.0, 5.0]), 3).tolist()
      [1, 3, 2]
    """
    array = np.asarray(scores)
    if array.ndim != 1:
        raise ValueError(f"scores must have the shape (V,), got {array.shape}.")
    if np.isnan(array).any():
        raise ValueError("scores must be numbers, but some of them are NaN.")
    check_count(k, len(array))
    # A stable sort of the reversed scores puts the smallest id last in a tie.
    ascending = np.argsort(array[::-1], kind="stable")
    return len(array) - 1 - ascending[::-1][:k]


def largest_rows(table: ArrayLike, k: int) -> Int[np.ndarray, " k"]:
    """The k rows with the largest norms, such as those that a group lasso keeps.

    Args:
      table: a trained table, float (V, d). For all rows that are not zero see
        `ant_jax.embeddings.kept_rows`.
      k: how many rows to choose.

    Returns:
      Ids, int64 (k,), the largest first; the smaller id first in a tie.

    Raises:
      ValueError: the table is not a matrix or contains NaN, or fewer than k of its rows
        are not zero.

    Example:
      >>> largest_rows(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 6.0]]), 2).tolist()
      [2, 1]
    """
    array = np.asarray(table, np.float64)
    if array.ndim != 2:
        raise ValueError(f"The table must have the shape (V, d), got {array.shape}.")
    norms = np.linalg.norm(array, axis=1)
    if k > (kept := np.count_nonzero(norms)):
        raise ValueError(
            f"Only {kept} rows are not zero, but k is {k}: train with a weaker penalty "
            "or choose fewer rows."
        )
    return largest(norms, k)
