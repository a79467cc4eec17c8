"""What a source of ratings is: something that finds its file and streams it."""

import pathlib
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

# Names of the columns of every batch that a source yields.
USER, ITEM, RATING = "user", "item", "rating"


class RatingsSource(Protocol):
    """Where the ratings of one data set come from.

    A new layout (JSON lines, another publisher's CSV) is one more class with
    these members and one more line in `registry.py`.
    """

    @property
    def name(self) -> str:
        """The data set's name, as in `--dataset`."""
        ...

    @property
    def num_ratings(self) -> int | None:
        """How many ratings the publisher counts, None where anything goes."""
        ...

    def locate(self, data_dir: str | None) -> pathlib.Path:
        """Returns the file to read.

        Raises:
          DataError: there is no such file; says where it was looked for.
        """
        ...

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams the file, so that memory stays bounded.

        Yields:
          Batches of any length with columns `user` and `item` (int64 or string,
          the raw identifiers) and `rating` (float32, finite), without nulls, in
          the order of the file.

        Raises:
          DataFileError: the file is not laid out as this source expects.
        """
        ...
