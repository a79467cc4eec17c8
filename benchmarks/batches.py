"""Batches of generated ratings, for vocabularies of any size."""

import math

import numpy as np

from benchmarks.workload import ITEM_LAW, USER_LAW, Ratings, Workload

_GOLDEN = (math.sqrt(5) - 1) / 2


def draw_batches(workload: Workload, steps: int, turn: int) -> Ratings:
    """Draws the batches of a turn.

    Ids follow the laws of `synthetic_ratings`, stretched to the workload's sizes: the
    most frequent tenth of the ids has the share of ratings that it has there. Nothing
    of the size of a vocabulary is made. The values leave something to be found.

    Args:
      workload: sizes and seed.
      steps: number of batches.
      turn: equal turns have equal batches.

    Returns:
      Ratings whose columns have the shape `(steps, batch_size)`.
    """
    rng = np.random.default_rng((workload.seed, turn))
    shape = steps, workload.batch_size
    users = _draw(rng, shape, workload.num_users, Workload.num_users, *USER_LAW)
    items = _draw(rng, shape, workload.num_items, Workload.num_items, *ITEM_LAW)
    taste = np.where(users % 2 == items % 2, 0.7, -0.7)
    values = np.rint(3.6 + taste + rng.normal(0.0, 0.8, shape))
    return Ratings(users, items, np.clip(values, 1.0, 5.0).astype(np.float32))


def draw_ranks(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    size: int,
    exponent: float,
    shift: float,
) -> np.ndarray:
    """Ranks of a Zipf-Mandelbrot law, by the inverse of its integral.

    Args:
      rng: source of randomness.
      shape: how many.
      size: number of ranks.
      exponent: s of `p(rank) ~ (rank + q)^-s`, not 1.
      shift: q.

    Returns:
      int64, from 0 for the most frequent.
    """
    power = 1 - exponent
    first, last = (0.5 + shift) ** power, (size + 0.5 + shift) ** power
    place = (first + rng.random(shape) * (last - first)) ** (1 / power) - shift
    return np.clip(np.rint(place).astype(np.int64) - 1, 0, size - 1)


def _draw(
    rng: np.random.Generator,
    shape: tuple[int, int],
    num_ids: int,
    fitted_ids: int,
    exponent: float,
    shift: float,
) -> np.ndarray:
    """Ids of a Zipf-Mandelbrot law."""
    rank = draw_ranks(rng, shape, num_ids, exponent, shift * num_ids / fitted_ids)
    # Frequent ids are not neighbors in a real table. A multiplication is a permutation
    # where the factor has no divisor in common with the size.
    factor = round(_GOLDEN * num_ids)
    while math.gcd(factor, num_ids) != 1:
        factor += 1
    return (rank * factor % num_ids).astype(np.int32)
