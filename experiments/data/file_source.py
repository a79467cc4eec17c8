"""Data sets that a user brings as one file."""

import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from experiments.data import files
from experiments.data.errors import DataError, DataFileError


class Layout(Protocol):
    """How a publisher lays out a ratings file, and how it is read then."""

    @property
    def filename(self) -> str:
        """The file's name without a suffix for its compression, or a pattern."""
        ...

    @property
    def description(self) -> str:
        """One line that says what a line of the file should look like."""
        ...

    @property
    def rating_range(self) -> tuple[float, float] | None:
        """The smallest and the largest rating, None for any finite."""
        ...

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams a file, see `sources.RatingsSource`."""
        ...


@dataclasses.dataclass(frozen=True)
class FileSource:
    """Ratings in one file of `data_dir`; a `sources.RatingsSource`.

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
    layouts: tuple[Layout, ...]
    folder: str | None = None
    num_ratings: int | None = None
    any_name: bool = False
    download: str = ""

    def locate(self, data_dir: str | None) -> pathlib.Path:
        """Returns the first file there is, see `sources.RatingsSource`."""
        hint = f" {self.download}" if self.download else ""
        if not data_dir:
            raise DataError(
                f"The data set {self.name} is read from your own copy: name the"
                f" folder that holds {self._names} with --data_dir.{hint}"
            )
        root = pathlib.Path(data_dir).expanduser()
        if os.path.isfile(root):
            self._layout(root)
            return root
        folders = [root / self.folder, root] if self.folder else [root]
        for folder in folders:
            for layout in self.layouts:
                if path := self._find(folder, layout):
                    return path
        where = " or ".join(str(folder) for folder in folders)
        raise DataFileError(
            f"No {self._names} (plain, .xz or .gz) for the data set {self.name} in"
            f" {where}.{hint}"
        )

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams the ratings of `path`, see `sources.RatingsSource`."""
        return self._layout(path).read(path)

    @property
    def _names(self) -> str:
        return " or ".join(layout.filename for layout in self.layouts)

    def _find(self, folder: pathlib.Path, layout: Layout) -> pathlib.Path | None:
        found: dict[str, pathlib.Path] = {}
        for suffix in files.SUFFIXES:
            for path in sorted(folder.glob(f"{layout.filename}{suffix}")):
                if os.path.isfile(path):
                    found.setdefault(files.unpacked_name(path), path)
        if len(found) > 1:
            raise DataFileError(
                f"{folder} holds several files that may be the data set {self.name}:"
                f" {', '.join(sorted(found))}. Name one of them with --data_dir."
            )
        return next(iter(found.values()), None)

    def _layout(self, path: pathlib.Path) -> Layout:
        for layout in self.layouts:
            name = files.unpacked_name(path)
            if self.any_name or fnmatch.fnmatchcase(name, layout.filename):
                return layout
        raise DataFileError(
            f"{path} is not a file of the data set {self.name}, which is called"
            f" {self._names}. For a file of your own choose the data set csv."
        )
