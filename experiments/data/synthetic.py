"""Ratings that nobody gave, as skewed as those of a real data set."""

import dataclasses
import itertools

import numpy as np
import pyarrow as pa

from experiments.data.names import Names
from experiments.data.ratings import Ratings

_RANK = 8
_PIECE = 1 << 20
# The largest share of all items that one user rates.
_MOST = 0.545
_ROUNDS = 20
_ATTEMPTS = 8


@dataclasses.dataclass(frozen=True)
class Skew:
    """How many ratings users give and items get.

    A user gives `min_per_user` plus a log-normal number of ratings. An item's share
    follows a Zipf-Mandelbrot law, `p(rank) ~ (rank + item_shift)^-item_exponent`, and
    each gets at least one. Nobody rates an item twice.

    Attributes:
      num_users: users, each with a rating.
      num_items: items, each with a rating.
      num_ratings: ratings.
      min_per_user: fewest ratings of a user, at least 1.
      user_sigma: deviation of the logarithm of the rest; its mean follows from the
        number of ratings.
      item_exponent: how fast the law falls.
      item_shift: the rank up to which it is flat.
    """

    num_users: int
    num_items: int
    num_ratings: int
    min_per_user: int
    user_sigma: float
    item_exponent: float
    item_shift: float

    def __post_init__(self) -> None:
        pairs = self.num_users * self.num_items
        least = max(self.num_items, self.num_users * self.min_per_user)
        if self.min_per_user < 1:
            raise ValueError(
                f"min_per_user must be at least 1, got {self.min_per_user}."
            )
        if not least <= self.num_ratings <= pairs // 2:
            raise ValueError(
                f"num_ratings must be between {least}, what each user and item needs,"
                f" and {pairs // 2}, half of all pairs, got {self.num_ratings}."
            )

    def resized(self, num_users: int, num_items: int, num_ratings: int) -> "Skew":
        """Returns the same laws, stretched to other numbers."""
        per_user = num_ratings / num_users
        own = self.num_ratings / self.num_users
        return Skew(
            num_users,
            num_items,
            num_ratings,
            max(1, round(self.min_per_user * per_user / own)),
            self.user_sigma,
            self.item_exponent,
            self.item_shift * num_items / self.num_items,
        )


# Fitted to the counts of ratings.dat.
MOVIELENS_1M = Skew(6_040, 3_706, 1_000_209, 20, 1.2, 2.8, 1_000.0)
# Fitted to what is published of the data set: at least 20 and at most 32,202 ratings a
# user, half of them at most 71; 81,491 ratings of the most rated movie.
MOVIELENS_25M = Skew(162_541, 59_047, 25_000_095, 20, 1.39, 2.15, 360.0)


def synthetic_ratings(skew: Skew = MOVIELENS_25M, seed: int = 0) -> Ratings:
    """Draws ratings.

    A rating is a mean, plus biases of user and item, plus a product of two vectors of
    8 numbers, plus noise of deviation 0.8, rounded to half a star of 0.5 to 5: what a
    model can explain is about what one explains of MovieLens.

    Args:
      skew: sizes, and how many ratings each user and item has.
      seed: equal seeds give equal ratings.

    Returns:
      Ratings sorted by user and then item, as MovieLens has them. Frequent users and
      items have no neighboring numbers.
    """
    rng = np.random.default_rng(seed)
    users, items = _pairs(rng, skew)
    ratings = np.empty(skew.num_ratings, np.float32)
    factors = [
        rng.normal(0, scale, (size, _RANK + 1)).astype(np.float32)
        for size, scale in ((skew.num_users, 0.4), (skew.num_items, 0.4))
    ]
    for start in range(0, len(ratings), _PIECE):
        piece = slice(start, start + _PIECE)
        left, right = factors[0][users[piece]], factors[1][items[piece]]
        score = np.einsum("ij,ij->i", left[:, 1:], right[:, 1:])
        score += 3.55 + left[:, 0] + right[:, 0]
        score += 0.8 * rng.standard_normal(len(score), np.float32)
        ratings[piece] = np.clip(np.rint(score * 2) / 2, 0.5, 5)
    return Ratings(
        users,
        items,
        ratings,
        _numerals(skew.num_users),
        _numerals(skew.num_items),
        "synthetic",
    )


def _numerals(size: int) -> Names:
    return Names(pa.array(np.arange(1, size + 1)).cast(pa.large_string()))


def _pairs(rng: np.random.Generator, skew: Skew) -> tuple[np.ndarray, np.ndarray]:
    """Draws distinct pairs, sorted by user and item, int32 (num_ratings,) each."""
    missing = _user_counts(rng, skew)
    pools = _pools(rng, skew, missing)
    # A pair is one number. First one for each item.
    places = rng.choice(skew.num_ratings, skew.num_items, replace=False)
    users = np.searchsorted(np.cumsum(missing), places, side="right")
    pairs = np.sort(users * skew.num_items + np.arange(skew.num_items))
    missing -= np.bincount(users, minlength=skew.num_users)
    for attempt in itertools.count():
        users = np.repeat(np.arange(skew.num_users), missing)
        # Who still misses some has all that is frequent.
        pool = pools[min(attempt // _ATTEMPTS, 2)]
        items = pool[rng.integers(0, len(pool), len(users), np.int32)]
        drawn = np.sort(users * skew.num_items + items)
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
        # What was drawn before is drawn again in the next attempt.
        places = np.minimum(np.searchsorted(pairs, drawn), len(pairs) - 1)
        drawn = drawn[pairs[places] != drawn]
        missing -= np.bincount(drawn // skew.num_items, minlength=skew.num_users)
        # Two sorted runs: the stable method merges them.
        pairs = np.sort(np.concatenate((pairs, drawn)), kind="stable")
        if not missing.any():
            break
    users, items = np.divmod(pairs, skew.num_items)
    return users.astype(np.int32), items.astype(np.int32)


def _pools(
    rng: np.random.Generator, skew: Skew, user_counts: np.ndarray
) -> list[np.ndarray]:
    """Returns three arrays of items to draw from, int32, each flatter than the last.

    Who draws until he has n different items gets item i with a probability of about
    `1 - exp(-a w_i)`, where a follows from n. So the shares w of the pool are flatter
    at the top than the counts that shall come out; they are found by iteration on a
    few users and ranks.
    """
    laws = (np.arange(1, skew.num_items + 1) + skew.item_shift) ** -skew.item_exponent
    # One rating each is not drawn.
    targets = np.maximum(laws * (skew.num_ratings / laws.sum()) - 1, 0.05)
    ranks = np.unique(np.geomspace(1, skew.num_items, 200).astype(int)) - 1
    widths = np.gradient(ranks.astype(float))
    users = np.sort(user_counts)[:: -(-skew.num_users // 500)].astype(float)
    wanted = targets[ranks] * (len(users) / skew.num_users)
    wanted *= users.sum() / (wanted @ widths)
    activity, share = users.copy(), wanted / (wanted @ widths)
    for _ in range(100):
        drawn = -np.expm1(-activity[:, None] * share)
        activity *= users / (drawn @ widths)
        drawn = -np.expm1(-activity[:, None] * share)
        share *= wanted / drawn.sum(0)
    weights = np.exp(np.interp(np.arange(skew.num_items), ranks, np.log(share)))
    items = rng.permutation(skew.num_items).astype(np.int32)
    pools = []
    for power in (1.0, 0.5):
        copies = weights**power
        copies *= max(skew.num_ratings, 1 << 16) / copies.sum()
        copies = np.floor(copies + rng.random(skew.num_items))
        pools.append(np.repeat(items, copies.astype(np.int64)))
    return [*pools, items]


def _user_counts(rng: np.random.Generator, skew: Skew) -> np.ndarray:
    """Draws how many ratings each user gives, int64 (num_users,)."""
    most = _MOST * skew.num_items - skew.min_per_user
    total = skew.num_ratings - skew.min_per_user * skew.num_users
    extra = rng.lognormal(0.0, skew.user_sigma, skew.num_users)
    for _ in range(_ROUNDS):
        extra = np.minimum(extra * (total / extra.sum()), most)
    # Rounding what is cumulated keeps the sum.
    ends = np.rint(np.cumsum(extra) * (total / extra.sum())).astype(np.int64)
    return skew.min_per_user + np.diff(ends, prepend=0)
