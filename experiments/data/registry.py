"""The data sets by name."""

from experiments.data import movielens
from experiments.data.delimited import Layout
from experiments.data.delimited_source import DelimitedSource
from experiments.data.errors import DataError
from experiments.data.movielens_small import MovieLensSmall
from experiments.data.sources import RatingsSource

_CSV = DelimitedSource(
    name="csv",
    layouts=(
        Layout(
            "ratings.csv",
            headers=(("user", "item", "rating"), movielens.CSV_HEADER),
            integer_ids=False,
        ),
    ),
    any_name=True,
    download="--data_dir may also be the file itself.",
)

SOURCES: dict[str, RatingsSource] = {
    source.name: source for source in (MovieLensSmall(), *movielens.SOURCES, _CSV)
}


def get_source(name: str) -> RatingsSource:
    """Returns the source of a data set.

    Raises:
      DataError: the name is unknown; lists the known ones.
    """
    if name not in SOURCES:
        raise DataError(
            f"Unknown data set {name!r}. Known are: {', '.join(sorted(SOURCES))}."
        )
    return SOURCES[name]
