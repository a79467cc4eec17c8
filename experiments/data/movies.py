"""Titles and genres of the MovieLens movies."""

import csv
import dataclasses
import io
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from experiments.data import files
from experiments.data.errors import DataError, DataFileError

_CSV_HEADER = ["movieId", "title", "genres"]
_NO_GENRES = "(no genres listed)"
# What the flags at the end of a line of u.item stand for, as u.genre lists them.
_FLAGS = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)


class Movie(NamedTuple):
    """What GroupLens says of a movie."""

    title: str  # with the year, "Heat (1995)"
    genres: tuple[str, ...]  # may be empty


@dataclasses.dataclass(frozen=True)
class _Layout:
    folder: str
    filename: str
    delimiter: str
    encoding: str

    @property
    def description(self) -> str:
        if self.delimiter == "|":
            return f"movie|title|...|...|...|{len(_FLAGS)} flags of 0 or 1"
        if self.delimiter == ",":
            return f"the columns {','.join(_CSV_HEADER)}"
        return self.delimiter.join(("movie", "title", "genre|genre|..."))


_LAYOUTS = {
    "movielens_100k": _Layout("ml-100k", "u.item", "|", "latin-1"),
    "movielens_1m": _Layout("ml-1m", "movies.dat", "::", "latin-1"),
    "movielens_10m": _Layout("ml-10M100K", "movies.dat", "::", "utf-8"),
    "movielens_20m": _Layout("ml-20m", "movies.csv", ",", "utf-8-sig"),
    "movielens_25m": _Layout("ml-25m", "movies.csv", ",", "utf-8-sig"),
}


def load_movies(dataset: str, data_dir: str) -> dict[str, Movie]:
    """Reads the movies of a MovieLens data set.

    Args:
      dataset: `movielens_100k`, `movielens_1m`, `_10m`, `_20m` or `_25m`.
      data_dir: the publisher's folder, its parent, or a file in that folder.

    Returns:
      The movies by the names that `Ratings.item_ids` has for them, in the order of the
      file. It also has movies that nobody rated.

    Raises:
      DataError: nothing is known of the data set's movies.
      DataFileError: the file is missing or empty, or a line, which is named, is not
        laid out as expected.
    """
    if dataset not in _LAYOUTS:
        raise DataError(
            f"Titles and genres are known for {', '.join(_LAYOUTS)}, not for"
            f" {dataset!r}."
        )
    layout = _LAYOUTS[dataset]
    path = _locate(pathlib.Path(data_dir).expanduser(), layout)
    with files.open_binary(path) as stream:
        content = stream.read()
    try:
        text = content.decode(layout.encoding)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataFileError(f"{path}, line {number}: not UTF-8 text.") from error
    movies: dict[str, Movie] = {}
    for number, fields in _records(text, layout):
        try:
            movie_id, movie = _parse(fields, layout)
            if movie_id in movies:
                raise ValueError(f"the movie {movie_id} occurs a second time")
        except ValueError as error:
            raise DataFileError(
                f"{path}, line {number}: {error}. Expected {layout.description}."
            ) from error
        movies[movie_id] = movie
    if not movies:
        raise DataFileError(f"{path} holds no movies. Expected {layout.description}.")
    return movies


def _locate(root: pathlib.Path, layout: _Layout) -> pathlib.Path:
    if os.path.isfile(root):
        root = root.parent
    folders = (root / layout.folder, root)
    for folder in folders:
        for suffix in files.SUFFIXES:
            path = folder / f"{layout.filename}{suffix}"
            if os.path.isfile(path):
                return path
    raise DataFileError(
        f"No {layout.filename} (plain, .xz or .gz) in"
        f" {' or '.join(map(str, folders))}. It comes with the ratings."
    )


def _records(text: str, layout: _Layout) -> Iterator[tuple[int, list[str]]]:
    """Yields the number of each line that is not empty, and its fields."""
    # Not str.splitlines: it takes characters within titles for ends of lines.
    for number, line in enumerate(io.StringIO(text), start=1):
        line = line.rstrip("\r\n")
        if layout.delimiter != ",":
            fields = line.split(layout.delimiter)
        elif number == 1 and line.split(",") == _CSV_HEADER:
            continue
        else:
            fields = next(csv.reader([line]), [])
        if line:
            yield number, fields


def _parse(fields: list[str], layout: _Layout) -> tuple[str, Movie]:
    """Returns a movie and its number.

    Raises:
      ValueError: the fields are not as expected.
    """
    expected = 5 + len(_FLAGS) if layout.delimiter == "|" else len(_CSV_HEADER)
    if len(fields) != expected:
        raise ValueError(f"{len(fields)} fields instead of {expected}")
    movie_id, title = fields[:2]
    if not movie_id.isdecimal():
        raise ValueError(f"the movie is {movie_id!r}, not a number")
    if layout.delimiter == "|":
        flags = fields[5:]
        if set(flags) - {"0", "1"}:
            raise ValueError(f"the flags are {' '.join(flags)}, not 0 or 1 each")
        genres = [g for g, flag in zip(_FLAGS, flags, strict=True) if flag == "1"]
    else:
        genres = [] if fields[2] in ("", _NO_GENRES) else fields[2].split("|")
    # As the ratings' reader, which takes it for an integer, writes it.
    return str(int(movie_id)), Movie(title, tuple(genres))
