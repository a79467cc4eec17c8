"""Data sets that a user brings as a delimited text file."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import pyarrow as pa

from experiments.data import delimited, files
from experiments.data.errors import DataError, RatingsFileError


@dataclasses.dataclass(frozen=True)
class DelimitedSource:
    """Ratings in one text file of `data_dir`; a `sources.RatingsSource`.

    Attributes:
      name: the data set's name, as in `--dataset`.
      layouts: what the file may be called and look like, in order of preference.
      folder: the publisher's name for the folder that holds the file; `data_dir`
        may be this folder or its parent.
      num_ratings: how many ratings the publisher counts.
      any_name: whether `data_dir` may also be a file of any name.
      download: where the file can be had.
    """

    name: str
    layouts: tuple[delimited.Layout, ...]
    folder: str | None = None
    num_ratings: int | None = None
    any_name: bool = False
    download: str = ""

    def locate(self, data_dir: str | None) -> pathlib.Path:
        """Returns the first file there is, see `sources.RatingsSource`."""
        names = " or ".join(layout.filename for layout in self.layouts)
        hint = f" {self.download}" if self.download else ""
        if not data_dir:
            raise DataError(
                f"The data set {self.name} is read from your own copy: name the"
                f" folder that holds {names} with --data_dir.{hint}"
            )
        root = pathlib.Path(data_dir).expanduser()
        if os.path.isfile(root):
            self._layout(root)
            return root
        folders = [root / self.folder, root] if self.folder else [root]
        for folder in folders:
            for layout in self.layouts:
                for suffix in files.SUFFIXES:
                    path = folder / f"{layout.filename}{suffix}"
                    if os.path.isfile(path):
                        return path
        where = " or ".join(str(folder) for folder in folders)
        raise RatingsFileError(
            f"No {names} (plain, .xz or .gz) for the data set {self.name} in"
            f" {where}.{hint}"
        )

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams the ratings of `path`, see `sources.RatingsSource`."""
        return delimited.read(path, self._layout(path))

    def _layout(self, path: pathlib.Path) -> delimited.Layout:
        for layout in self.layouts:
            if files.unpacked_name(path) == layout.filename or self.any_name:
                return layout
        names = " or ".join(layout.filename for layout in self.layouts)
        raise RatingsFileError(
            f"{path} is not a file of the data set {self.name}, which is called"
            f" {names}. For a file of your own choose the data set csv."
        )
