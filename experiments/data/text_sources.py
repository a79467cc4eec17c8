"""What a source of texts is: something that finds its files and streams them."""

import pathlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

TRAIN, TEST, VALIDATION = "train", "test", "validation"


class Text(NamedTuple):
    """One labelled text, as its publisher wrote it."""

    label: int  # position in the classes
    title: str  # empty where the data set has no titles
    text: str


class TextSource(Protocol):
    """Where the texts of one data set come from.

    A new layout is one more class with these members and one more line in
    `text_registry.py`.
    """

    @property
    def name(self) -> str:
        """The data set's name, as in `--dataset`."""
        ...

    @property
    def has_titles(self) -> bool:
        """Whether a text has a title apart from it."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many texts the publisher counts in a split, none where anything goes."""
        ...

    def locate(self, data_dir: str | None) -> Mapping[str, pathlib.Path]:
        """Returns what to read, by split: `TRAIN`, `TEST` and maybe `VALIDATION`.

        Raises:
          DataError: something is missing; says what, and where it was looked for.
        """
        ...

    def fingerprint(self, paths: Mapping[str, pathlib.Path]) -> str:
        """Returns hexadecimal digits that change when what is read changes.

        Raises:
          DataFileError: a file cannot be read.
        """
        ...

    def classes(self, paths: Mapping[str, pathlib.Path]) -> tuple[str, ...]:
        """Returns the names of the classes.

        Raises:
          DataFileError: they cannot be found out.
        """
        ...

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams one split, so that memory stays bounded.

        Yields:
          Texts in the order of the file, each with something to read in it.

        Raises:
          DataFileError: the split is empty, or not laid out as this source expects.
        """
        ...
