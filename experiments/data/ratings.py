"""Ratings as arrays, from a cache that is filled on the first call."""

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from experiments.data import cache, files, registry
from experiments.data.blocks import Block
from experiments.data.errors import DataError
from experiments.data.names import join
from experiments.data.ratings_builder import SPLIT, RatingsBuilder

_log = logging.getLogger(__name__)
_PIECE = 1 << 22


@dataclasses.dataclass(frozen=True, eq=False)
class Ratings:
    """All ratings of a data set.

    Users and items are numbered in the order in which they first appear. Unlike a
    sorted order this needs no second pass over a file that may be larger than
    memory, and it treats identifiers alike, whether they are numbers or text.

    Attributes:
      users: int32 (n,), positions in `user_ids`.
      items: int32 (n,), positions in `item_ids`.
      ratings: float32 (n,).
      user_ids: the users as the file names them, each with a rating. What was loaded
        has `names.Names`, which take far less memory than a tuple.
      item_ids: the items as the file names them, each with a rating.
      name: the data set's name.

    Raises:
      DataError: the three columns are not of one length and of these types, a number
        is no position, or a user or an item has no rating.
    """

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    name: str

    def __post_init__(self) -> None:
        shapes = [column.shape for column in (self.users, self.items, self.ratings)]
        if len(shapes[0]) != 1 or len(set(shapes)) > 1:
            raise DataError(
                f"Users, items and ratings must be three columns of one length, got the"
                f" shapes {', '.join(map(str, shapes))}."
            )
        if self.ratings.dtype != np.float32 or not np.isfinite(self.ratings).all():
            raise DataError("Ratings must be finite numbers of dtype float32.")
        _check_numbers("user", self.users, self.user_ids)
        _check_numbers("item", self.items, self.item_ids)

    def __len__(self) -> int:
        """Returns the number of ratings."""
        return len(self.ratings)


def _check_numbers(kind: str, numbers: np.ndarray, names: Sequence[str]) -> None:
    if numbers.dtype != np.int32:
        raise DataError(f"The {kind}s must be int32, got {numbers.dtype}.")
    rated = np.zeros(len(names), np.bool_)
    # In pieces: NumPy widens indices to 64 bits.
    for start in range(0, len(numbers), _PIECE):
        piece = numbers[start : start + _PIECE]
        wrong = np.flatnonzero((piece < 0) | (piece >= len(names)))
        if len(wrong):
            raise DataError(
                f"The {kind} of rating {start + wrong[0]} is number {piece[wrong[0]]},"
                f" but there are {len(names)} {kind}s, numbered from 0."
            )
        rated[piece] = True
    absent = np.flatnonzero(~rated)
    if len(absent):
        raise DataError(
            f"{len(absent)} of {len(names)} {kind}s have no rating, the first of them"
            f" {names[int(absent[0])]!r} (number {absent[0]}): leave them out and"
            " number the rest anew."
        )


def load_ratings(
    dataset: str,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    rating_range: tuple[float, float] | None = None,
) -> Ratings:
    """Loads a data set, preparing it first if its file has not been seen before.

    The prepared files are kept under
    `<cache_dir>/<dataset>/<fingerprint of the source file>/`. They appear there by one
    rename, so what is there is whole; what was damaged since is noticed by its
    checksum and prepared again.

    Args:
      dataset: a name in `registry.SOURCES`.
      data_dir: where the user's copy of the data is: the publisher's folder, its
        parent, or the file. None for `movielens_small`, which comes with a package.
      cache_dir: where prepared files are kept; by default the environment variable
        `ANT_JAX_CACHE`, or else `~/.cache/ant_jax`.
      rating_range: for `csv` the smallest and the largest rating allowed, any finite
        one if not given. The other data sets state theirs themselves.

    Returns:
      The ratings, in the order of the file.

    Raises:
      DataError: the name is unknown, its package or `data_dir` is missing, or
        `rating_range` is none or not for this data set.
      DataFileError: the file is missing, damaged, not laid out as expected, or a
        rating is outside the range.
      CacheError: the cache cannot be written.
    """
    source = registry.get_source(dataset, rating_range)
    path = source.locate(data_dir)
    folder = cache.resolve(cache_dir) / dataset / files.fingerprint(path)

    def builder() -> RatingsBuilder:
        return RatingsBuilder(source=source, path=path, data_dir=folder)

    ratings = cache.load(
        RatingsBuilder.folder(folder),
        builder,
        lambda made: _read(made, dataset),
        f"{dataset} from {path}",
    )
    if rating_range is not None:
        low, high = rating_range
        if ratings.ratings.min() < low or ratings.ratings.max() > high:
            # Prepared before, for another range: the file is read for the line.
            for _ in source.read(path):
                pass
    if source.num_ratings not in (None, len(ratings)):
        _log.warning(
            "%s holds %d ratings, the publisher's %s holds %d: it is another"
            " version, or cut off.",
            path,
            len(ratings),
            dataset,
            source.num_ratings,
        )
    return ratings


def _read(builder: RatingsBuilder, name: str) -> Ratings:
    """Reads prepared files.

    Raises:
      Exception: of any type, where they are damaged.
    """
    counts = builder.info.metadata
    num_ratings = counts["num_ratings"]
    users = np.empty(num_ratings, np.int32)
    items = np.empty(num_ratings, np.int32)
    ratings = np.empty(num_ratings, np.float32)
    new_users: list[pa.Array] = []
    new_items: list[pa.Array] = []
    start = crc32 = 0
    for record in builder.as_data_source(SPLIT):
        names = {
            key: [value.decode() for value in record[key]]
            for key in ("new_users", "new_items")
        }
        block = Block(**record | names)
        stop = start + len(block.rating)
        users[start:stop] = block.user
        items[start:stop] = block.item
        ratings[start:stop] = block.rating
        new_users.append(pa.array(block.new_users, pa.large_string()))
        new_items.append(pa.array(block.new_items, pa.large_string()))
        crc32 = block.checksum(crc32)
        start = stop
    user_ids, item_ids = join(new_users), join(new_items)
    if (start, len(user_ids), len(item_ids), crc32) != (
        num_ratings,
        counts["num_users"],
        counts["num_items"],
        counts["crc32"],
    ):
        raise ValueError("counts or checksum differ")
    return Ratings(users, items, ratings, user_ids, item_ids, name)
