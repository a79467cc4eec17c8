"""MovieLens in GroupLens's own layouts.

Source: F. M. Harper, J. A. Konstan, The MovieLens Datasets: History and Context,
ACM Transactions on Interactive Intelligent Systems 5, 2015. The counts are those
that the data sets' README files state.
"""

from experiments.data.delimited import Layout
from experiments.data.file_source import FileSource

CSV_HEADER = ("userId", "movieId", "rating")
_STARS = (1.0, 5.0)
_HALF_STARS = (0.5, 5.0)


def _source(name: str, folder: str, num_ratings: int, *layouts: Layout) -> FileSource:
    return FileSource(
        name=name,
        layouts=layouts,
        folder=folder,
        num_ratings=num_ratings,
        download="It can be had from grouplens.org/datasets/movielens.",
    )


def _csv(rating_range: tuple[float, float]) -> Layout:
    return Layout("ratings.csv", headers=(CSV_HEADER,), rating_range=rating_range)


def _dat(rating_range: tuple[float, float]) -> Layout:
    return Layout("ratings.dat", delimiter="::", rating_range=rating_range)


SOURCES = (
    _source(
        "movielens_100k",
        "ml-100k",
        100_000,
        Layout("u.data", delimiter="\t", rating_range=_STARS),
    ),
    _source("movielens_1m", "ml-1m", 1_000_209, _dat(_STARS), _csv(_STARS)),
    _source("movielens_10m", "ml-10M100K", 10_000_054, _dat(_HALF_STARS)),
    _source("movielens_20m", "ml-20m", 20_000_263, _csv(_HALF_STARS)),
    _source("movielens_25m", "ml-25m", 25_000_095, _csv(_HALF_STARS)),
)
