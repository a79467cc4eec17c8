"""Ratings split at random, and users and items numbered by their frequency."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.data import Names, Ratings
from experiments.data.names import as_names
from experiments.runner.splits import Splits as Splits


class Examples(NamedTuple):
    """Ratings as the model takes them; a pytree of three arrays."""

    users: np.ndarray  # int32 (n,)
    items: np.ndarray  # int32 (n,)
    ratings: np.ndarray  # float32 (n,)


class Dropped(NamedTuple):
    """Shares of the ratings that `drop_unseen` took out of two parts."""

    validation: float
    test: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What a training program needs of a data set.

    Attributes:
      splits: the parts, users and items numbered by falling frequency in training.
      user_ids: the users' names, in the order of those numbers.
      item_ids: the items' names, in the same way.
      user_counts: training ratings of each user, int64 (users,), never rising.
      item_counts: training ratings of each item, int64 (items,), never rising.
      dropped: shares left out of validation and test; None where nothing was asked to
        be left out.
    """

    splits: Splits
    user_ids: Names
    item_ids: Names
    user_counts: np.ndarray
    item_counts: np.ndarray
    dropped: Dropped | None = None


def prepare(
    ratings: Ratings,
    seed: int,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    *,
    seen_only: bool = False,
) -> Prepared:
    """Splits ratings and numbers users and items by frequency.

    Args:
      ratings: all ratings of a data set.
      seed: see `split_ratings`.
      fractions: see `split_ratings`.
      seen_only: whether validation and test keep only ratings whose user and item are
        both in training, as Anchor & Transform does for the Amazon reviews; see
        `drop_unseen`.

    Returns:
      Parts, names and counts.

    Raises:
      ValueError: from `split_ratings` and `drop_unseen`.
    """
    splits = split_ratings(ratings, seed, fractions)
    dropped = None
    if seen_only:
        splits, dropped = drop_unseen(splits)
    prepared = number_by_frequency(splits, ratings.user_ids, ratings.item_ids)
    return dataclasses.replace(prepared, dropped=dropped)


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


def drop_unseen(splits: Splits) -> tuple[Splits, Dropped]:
    """Drops ratings of validation and test whose user or item is not in training.

    Training stays as it is, so neither part depends on the order of the ratings, nor
    one on the other. What is tested is then the average over frequent users and items:
    the share that was dropped belongs beside any result from it.

    Returns:
      The parts, and the shares of validation and test that were dropped.

    Raises:
      ValueError: nothing would be left of a part.
    """
    seen_users, seen_items = (
        np.bincount(
            splits.train[column],
            minlength=1 + max(int(part[column].max(initial=-1)) for part in splits),
        )
        > 0
        for column in (0, 1)
    )
    kept, shares = [], []
    for name, part in zip(splits._fields[1:], splits[1:], strict=True):
        seen = seen_users[part.users] & seen_items[part.items]
        if not seen.any():
            raise ValueError(
                f"No rating of {name} has both its user and its item in training: the"
                " data are too sparse for this split. Give training a larger share, or"
                " keep the unseen ones."
            )
        kept.append(Examples(*(column[seen] for column in part)))
        shares.append(1.0 - float(np.mean(seen)))
    return Splits(splits.train, *kept), Dropped(*shares)


def number_by_frequency(
    splits: Splits, user_ids: Sequence[str], item_ids: Sequence[str]
) -> Prepared:
    """Numbers users and items anew, by falling frequency in training.

    Frequent rows then lie side by side, which caches like, and a method that treats
    objects by their frequency can cut the table into ranges. Of equally frequent ones
    that with the smaller old number comes first, which in loaded `Ratings` is the one
    that appears first. Those that are in no part are left out; those that are in
    validation or test alone come last, with a count of 0.

    Args:
      splits: the parts.
      user_ids: names by the numbers in the parts.
      item_ids: the same for items.

    Returns:
      Parts with the new numbers, names and counts in their order.
    """
    user_order, user_counts = _by_frequency([p.users for p in splits], len(user_ids))
    item_order, item_counts = _by_frequency([p.items for p in splits], len(item_ids))
    users = _inverse(user_order, len(user_ids))
    items = _inverse(item_order, len(item_ids))
    return Prepared(
        Splits(
            *(Examples(users[p.users], items[p.items], p.ratings) for p in splits),
        ),
        as_names(user_ids).take(user_order),
        as_names(item_ids).take(item_order),
        user_counts,
        item_counts,
    )


def _by_frequency(
    parts: list[np.ndarray], num_names: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the old numbers in their new order, and their counts in training."""
    train, *others = (np.bincount(part, minlength=num_names) for part in parts)
    order = np.argsort(-train, kind="stable")
    order = order[(train + sum(others))[order] > 0]
    return order, train[order]


def _inverse(order: np.ndarray, num_names: int) -> np.ndarray:
    """Returns the new number of every old one, int32 (num_names,)."""
    numbers = np.full(num_names, -1, np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    return numbers
