"""Ratings split at random into training, validation and test."""

import math
from typing import NamedTuple

import numpy as np

from experiments.data import Ratings


class Examples(NamedTuple):
    """Ratings as the model takes them; a pytree of three arrays."""

    users: np.ndarray  # int32 (n,)
    items: np.ndarray  # int32 (n,)
    ratings: np.ndarray  # float32 (n,)


class Splits(NamedTuple):
    """Three disjoint parts that together are all ratings."""

    train: Examples
    validation: Examples
    test: Examples


def split_ratings(
    ratings: Ratings,
    seed: int,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> Splits:
    """Splits ratings by a random permutation.

    Args:
      ratings: all ratings of a data set.
      seed: non-negative; the same seed gives the same split on every machine.
      fractions: the shares of training, validation and test. The parts end at
        `round(n * cumulated share)`.

    Returns:
      The three parts, each in random order.

    Raises:
      ValueError: the fractions are not three positive numbers that add up to one,
        or a part would be empty.
    """
    if (
        len(fractions) != 3
        or not all(fraction > 0 for fraction in fractions)
        or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6)
    ):
        raise ValueError(
            f"fractions must be three positive numbers that add up to 1, got"
            f" {fractions}."
        )
    n = len(ratings)
    stops = [round(n * fractions[0]), round(n * (fractions[0] + fractions[1]))]
    if not 0 < stops[0] < stops[1] < n:
        raise ValueError(
            f"{n} ratings are too few to be split into {fractions}: each part needs"
            " at least one."
        )
    order = np.random.default_rng(seed).permutation(n)
    return Splits(
        *(
            Examples(ratings.users[part], ratings.items[part], ratings.ratings[part])
            for part in np.split(order, stops)
        )
    )
