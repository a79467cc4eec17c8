"""Data sets of texts that a user brings as a folder with one file a split."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from experiments.data import files
from experiments.data.errors import DataError, DataFileError
from experiments.data.text_sources import TEST, TRAIN, VALIDATION, Text

_NAMES = {
    TRAIN: ("train",),
    TEST: ("test",),
    VALIDATION: ("dev", "valid", "validation"),
}
_CLASSES = "classes.txt"


class TextLayout(Protocol):
    """How a publisher lays out the file of a split, and how it is read then."""

    @property
    def suffix(self) -> str:
        """The end of the files' names, without that of their compression."""
        ...

    @property
    def has_titles(self) -> bool:
        """See `text_sources.TextSource`."""
        ...

    def classes(
        self, train: pathlib.Path, names: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        """Returns the names of the classes.

        Args:
          train: the file of the training split.
          names: the names that the folder gives, if it does.

        Raises:
          DataFileError: they cannot be found out, or are not as many as there are.
        """
        ...

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams a file, see `text_sources.TextSource`."""
        ...


@dataclasses.dataclass(frozen=True)
class TextFolder:
    """Texts in the files `train`, `test` and maybe `dev`; a `text_sources.TextSource`.

    Attributes:
      name: the data set's name, as in `--dataset`.
      layout: what the files look like.
      folders: the publisher's names for the folder; `data_dir` may be this folder or
        its parent.
      sizes: how many texts the publisher counts in a split.
      own_validation: whether there may be a split for development: `dev`, `valid` or
        `validation`.
      download: where the files can be had.
    """

    name: str
    layout: TextLayout
    folders: tuple[str, ...] = ()
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    own_validation: bool = False
    download: str = ""

    @property
    def has_titles(self) -> bool:
        """See `text_sources.TextSource`."""
        return self.layout.has_titles

    def locate(self, data_dir: str | None) -> dict[str, pathlib.Path]:
        """Returns the files of the first folder that has one of them.

        Raises:
          DataError: `data_dir` is missing.
          DataFileError: a file is missing, or there are two for one split.
        """
        if not data_dir:
            raise DataError(
                f"The data set {self.name} is read from your own copy: name the folder"
                f" that holds {self._expected} with --data_dir.{self._hint}"
            )
        root = pathlib.Path(data_dir).expanduser()
        folders = [root / folder for folder in self.folders] + [root]
        for folder in folders:
            found = self._find(folder)
            if found:
                missing = [split for split in (TRAIN, TEST) if split not in found]
                if missing:
                    raise DataFileError(
                        f"{folder} holds no {missing[0]}{self.layout.suffix} (plain,"
                        f" .xz or .gz). The data set {self.name} is {self._expected}."
                    )
                return found
        where = " or ".join(map(str, folders))
        raise DataFileError(
            f"No {self._expected} (plain, .xz or .gz) for the data set {self.name} in"
            f" {where}.{self._hint}"
        )

    def fingerprint(self, paths: Mapping[str, pathlib.Path]) -> str:
        """Returns 16 hexadecimal digits, see `text_sources.TextSource`."""
        digest = hashlib.blake2b(digest_size=8)
        for split, path in sorted(paths.items()):
            digest.update(f"{split} {files.fingerprint(path)}\n".encode())
        names = self._class_names(paths[TRAIN].parent)
        digest.update(repr(names).encode())
        return digest.hexdigest()

    def classes(self, paths: Mapping[str, pathlib.Path]) -> tuple[str, ...]:
        """Returns the names of the classes, see `text_sources.TextSource`."""
        return self.layout.classes(paths[TRAIN], self._class_names(paths[TRAIN].parent))

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams one file, see `text_sources.TextSource`."""
        return self.layout.read(path, classes)

    @property
    def _expected(self) -> str:
        optional = (
            f" and, if you like, dev{self.layout.suffix}" if self.own_validation else ""
        )
        return f"train{self.layout.suffix} and test{self.layout.suffix}{optional}"

    @property
    def _hint(self) -> str:
        return f" {self.download}" if self.download else ""

    def _find(self, folder: pathlib.Path) -> dict[str, pathlib.Path]:
        found: dict[str, pathlib.Path] = {}
        for split, names in _NAMES.items():
            if split == VALIDATION and not self.own_validation:
                continue
            paths = [path for name in names if (path := self._file(folder, name))]
            if len(paths) > 1:
                raise DataFileError(
                    f"{folder} holds several files for one split:"
                    f" {', '.join(path.name for path in paths)}. Keep one of them."
                )
            if paths:
                found[split] = paths[0]
        return found

    def _file(self, folder: pathlib.Path, name: str) -> pathlib.Path | None:
        for suffix in files.SUFFIXES:
            path = folder / f"{name}{self.layout.suffix}{suffix}"
            if os.path.isfile(path):
                return path
        return None

    def _class_names(self, folder: pathlib.Path) -> tuple[str, ...] | None:
        path = folder / _CLASSES
        if not os.path.isfile(path):
            return None
        with files.open_binary(path) as stream:
            try:
                lines = stream.read().decode("utf-8-sig").splitlines()
            except UnicodeDecodeError as error:
                raise DataFileError(f"{path}: the text is not UTF-8.") from error
        return tuple(line.strip() for line in lines if line.strip())
