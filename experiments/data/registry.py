"""The data sets by name."""

from experiments.data import amazon, epinions, movielens
from experiments.data.delimited import Layout
from experiments.data.errors import DataError
from experiments.data.file_source import FileSource
from experiments.data.movielens_small import MovieLensSmall
from experiments.data.sources import RatingsSource

_CSV = "csv"

SOURCES: dict[str, RatingsSource] = {
    source.name: source
    for source in (
        MovieLensSmall(),
        *movielens.SOURCES,
        *amazon.SOURCES,
        epinions.SOURCE,
    )
}


def _csv(rating_range: tuple[float, float] | None) -> FileSource:
    return FileSource(
        name=_CSV,
        layouts=(
            Layout(
                "ratings.csv",
                headers=(("user", "item", "rating"), movielens.CSV_HEADER),
                integer_ids=False,
                rating_range=rating_range,
            ),
        ),
        any_name=True,
        download="--data_dir may also be the file itself.",
    )


SOURCES[_CSV] = _csv(None)


def get_source(
    name: str, rating_range: tuple[float, float] | None = None
) -> RatingsSource:
    """Returns the source of a data set.

    Args:
      name: the data set's name.
      rating_range: the smallest and the largest rating of a `csv`.

    Raises:
      DataError: the name is unknown, and the known ones are listed; or the range is
        none, or the data set states its own.
    """
    if name not in SOURCES:
        raise DataError(
            f"Unknown data set {name!r}. Known are: {', '.join(sorted(SOURCES))}."
        )
    if rating_range is None:
        return SOURCES[name]
    if name != _CSV:
        raise DataError(
            f"The data set {name} states the range of its ratings itself: leave"
            " rating_range out."
        )
    low, high = rating_range
    if not low <= high:
        raise DataError(
            f"rating_range must be the smallest and the largest rating, got {low:g}"
            f" and {high:g}."
        )
    return _csv((low, high))
