"""Texts in lines: a class, a tab, a text.

Source of the layout: A. Cardoso-Cachopo, Improving Methods for Single-label Text
Categorization, PhD thesis, 2007, who publishes 20 Newsgroups and Reuters-21578 so.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

from experiments.data import files
from experiments.data.errors import DataFileError
from experiments.data.text_sources import Text

_EXPECTED = "Expected class<TAB>text"


@dataclasses.dataclass(frozen=True)
class TsvLayout:
    """A line is a class, a tab, a text; the classes are those of the training split."""

    @property
    def suffix(self) -> str:
        """The end of the files' names."""
        return ".tsv"

    @property
    def has_titles(self) -> bool:
        """A text has no title."""
        return False

    def classes(
        self, train: pathlib.Path, names: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        """Returns those named, or else those of the training split, sorted.

        See `text_folder.TextLayout`.
        """
        if names is not None:
            if len(set(names)) != len(names):
                raise DataFileError(
                    f"{train.parent / 'classes.txt'} names a class twice."
                )
            return names
        return tuple(sorted({label for _, label, _ in _lines(train)}))

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams a file, see `text_sources.TextSource`."""
        labels = {name: label for label, name in enumerate(classes)}
        for number, name, text in _lines(path):
            if name not in labels:
                shown = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
                raise DataFileError(
                    f"{path}, line {number}: the class is {name[:60]!r}, not one of the"
                    f" {len(classes)} known: {shown}."
                )
            yield Text(labels[name], "", text)


def _lines(path: pathlib.Path) -> Iterator[tuple[int, str, str]]:
    """Yields the number of a line, its class and its text; raises for a bad line."""
    some = False
    with files.open_binary(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                decoded = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataFileError(
                    f"{path}, line {number}: the text is not UTF-8. {_EXPECTED}."
                ) from error
            fields = decoded.rstrip("\r\n").split("\t")
            if fields == [""]:
                continue
            problem = None
            if len(fields) != 2:
                problem = f"{len(fields)} fields instead of 2"
            elif not fields[0].strip():
                problem = "the class is absent"
            elif not fields[1].strip():
                problem = "the text is empty"
            if problem:
                raise DataFileError(f"{path}, line {number}: {problem}. {_EXPECTED}.")
            some = True
            yield number, fields[0].strip(), fields[1]
    if not some:
        raise DataFileError(f"{path} holds no texts. {_EXPECTED} in each line.")
