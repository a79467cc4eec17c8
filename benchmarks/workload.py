"""The work that is timed: matrix factorization on ratings of MovieLens 1M's size."""

import dataclasses

import numpy as np

# Exponent and shift of the law of the users' ids, and of the items'.
USER_LAW = 1.75, 1_000.0
ITEM_LAW = 2.8, 1_000.0


@dataclasses.dataclass(frozen=True)
class Workload:
    """One program to time. The defaults are the published settings for MovieLens 1M."""

    batch_size: int
    # Anchors of users and items; None is the full table.
    anchors: tuple[int, int] | None
    num_users: int = 6_040
    num_items: int = 3_706
    # Ratings in the training split: 80 % of 1,000,209.
    num_ratings: int = 800_167
    features: int = 16
    learning_rate: float = 0.01
    # Steps after which the learning rate halves.
    decay_steps: int = 100_000
    l1: float = 1e-4
    seed: int = 0

    @property
    def name(self) -> str:
        """What the picture and the table call it."""
        if self.anchors is None:
            return "full"
        return "ANT {}/{}".format(*self.anchors)


@dataclasses.dataclass(frozen=True)
class Ratings:
    """Ratings as three columns of one length.

    Attributes:
      users: int32 `(n,)`.
      items: int32 `(n,)`.
      values: float32 `(n,)`, from 1 to 5.
    """

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray


def synthetic_ratings(workload: Workload) -> Ratings:
    """Draws ratings whose ids are as skewed as those of MovieLens 1M.

    Ids follow a Zipf-Mandelbrot law, `p(rank) ~ (rank + q)^-s`, fitted to the counts of
    the real users and items: the shares of the most frequent ids, however many, are
    within 0.025 of the real ones. The values come from a model of rank 4 and noise, so
    that training has something to find.

    Args:
      workload: sizes and seed.

    Returns:
      Ratings in random order.
    """
    rng = np.random.default_rng(workload.seed)
    users = _zipf_ids(rng, workload.num_users, workload.num_ratings, *USER_LAW)
    items = _zipf_ids(rng, workload.num_items, workload.num_ratings, *ITEM_LAW)
    rank = 4
    user_factors = rng.normal(0.0, 0.5, (workload.num_users, rank))
    item_factors = rng.normal(0.0, 0.5, (workload.num_items, rank))
    values = 3.6 + (user_factors[users] * item_factors[items]).sum(-1)
    values += rng.normal(0.0, 0.8, workload.num_ratings)
    return Ratings(
        users=users,
        items=items,
        values=np.clip(np.rint(values), 1.0, 5.0).astype(np.float32),
    )


def _zipf_ids(
    rng: np.random.Generator, num_ids: int, size: int, exponent: float, shift: float
) -> np.ndarray:
    weights = (np.arange(1, num_ids + 1) + shift) ** -exponent
    # Frequent ids are not neighbors in a real data set, nor in its tables.
    weights = rng.permutation(weights / weights.sum())
    return rng.choice(num_ids, size=size, p=weights).astype(np.int32)
