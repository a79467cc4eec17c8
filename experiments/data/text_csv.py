r"""Texts in CSV: a class, maybe a title, a text, all of them quoted.

Source: X. Zhang, J. Zhao, Y. LeCun, Character-level Convolutional Networks for Text
Classification, NeurIPS 2015, whose data sets are laid out so: no header, classes from
1, a quote inside a field doubled. A line break is written as the two characters ``\n``;
only in AG's news, where the n got lost, it is the backslash alone.
"""

import csv
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from experiments.data import files
from experiments.data.errors import DataFileError
from experiments.data.text_sources import Text

LABEL, TITLE, TEXT = "label", "title", "text"
_FIELD_LIMIT = 1 << 30


@dataclasses.dataclass(frozen=True)
class CsvLayout:
    r"""What a row holds.

    Attributes:
      columns: the names of the columns, `label`, `text`, maybe `title` and others that
        are ignored. Where the first row holds `header`, it is skipped.
      num_classes: how many classes there are.
      first_class: the number of the first of them.
      header: the names in the first row, where they are not `columns`.
      optional: how many of the last columns may be absent.
      line_break: how one is written.
      names: the names of the classes where the folder has no `classes.txt`; else they
        are their numbers.
    """

    columns: tuple[str, ...]
    num_classes: int
    first_class: int = 1
    header: tuple[str, ...] = ()
    optional: int = 0
    line_break: str = "\\n"
    names: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """The end of the files' names."""
        return ".csv"

    @property
    def has_titles(self) -> bool:
        """Whether there is a column for it."""
        return TITLE in self.columns

    def classes(
        self, train: pathlib.Path, names: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        """Returns the names of the classes, see `text_folder.TextLayout`."""
        if names is None:
            numbers = range(self.first_class, self.first_class + self.num_classes)
            return self.names or tuple(map(str, numbers))
        if len(names) != self.num_classes or len(set(names)) != len(names):
            raise DataFileError(
                f"{train.parent / 'classes.txt'} names {len(set(names))} classes, the"
                f" data set has {self.num_classes}: it belongs to another."
            )
        return names

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams a file, see `text_sources.TextSource`."""
        label, text = self.columns.index(LABEL), self.columns.index(TEXT)
        title = self.columns.index(TITLE) if self.has_titles else None
        header = self.header or self.columns
        labels = {
            str(number): number - self.first_class
            for number in range(self.first_class, self.first_class + len(classes))
        }
        some = False
        with files.open_binary(path) as stream:
            for number, fields in _rows(stream):
                if number == 1 and tuple(fields) == header[: len(fields)]:
                    continue
                problem = self._problem(fields, labels)
                if problem:
                    raise DataFileError(
                        f"{path}, line {number}: {problem}. Expected"
                        f" {','.join(self.columns)}."
                    )
                some = True
                yield Text(
                    labels[fields[label]],
                    "" if title is None else self._unescape(fields[title]),
                    self._unescape(fields[text]),
                )
        if not some:
            raise DataFileError(
                f"{path} holds no texts. Expected rows of {','.join(self.columns)}."
            )

    def _problem(self, fields: list[str] | str, labels: dict[str, int]) -> str | None:
        """Says what is wrong with a row, or passes on what is said already."""
        if isinstance(fields, str):
            return fields
        most = len(self.columns)
        if not most - self.optional <= len(fields) <= most:
            fewest = f"{most - self.optional} or " if self.optional else ""
            return f"{len(fields)} fields instead of {fewest}{most}"
        row = dict(zip(self.columns, fields, strict=False))
        if row[LABEL] not in labels:
            first, *_, last = labels
            return f"the class is {row[LABEL][:60]!r}, not one of {first} to {last}"
        if not row[TEXT].strip() and not row.get(TITLE, "").strip():
            return "the text is empty"
        return None

    def _unescape(self, text: str) -> str:
        return text.replace(self.line_break, "\n")


def _rows(stream: BinaryIO) -> Iterator[tuple[int, list[str] | str]]:
    """Yields the number of a row's first line, and its fields or its problem."""
    # Sogou's news are longer than the module allows by default. The limit belongs to
    # the process: it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    num_lines = 0

    def lines() -> Iterator[str]:
        nonlocal num_lines
        for line in stream:
            num_lines += 1
            yield line.decode("utf-8-sig" if num_lines == 1 else "utf-8")

    rows = csv.reader(lines(), strict=True)
    while True:
        number = num_lines + 1
        try:
            fields = next(rows)
        except StopIteration:
            return
        except UnicodeDecodeError:
            yield num_lines, "the text is not UTF-8"
            return
        except csv.Error as error:
            yield number, f"the line cannot be split into fields ({error})"
            return
        if fields:
            yield number, fields
