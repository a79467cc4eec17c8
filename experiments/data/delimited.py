"""Ratings in delimited text: one rating a line, with or without a header.

`pyarrow` reads fast but does not say which line is wrong. So a file is read
fast, and only if that fails it is read again, slowly, for the line's number.
"""

import csv
import dataclasses
import math
import pathlib
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from experiments.data import files
from experiments.data.errors import DataFileError
from experiments.data.sources import ITEM, RATING, USER

_BLOCK_BYTES = 8 << 20
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INT64 = np.iinfo(np.int64)


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a publisher lays out a ratings file.

    Attributes:
      filename: the file's name without a suffix for its compression, or a pattern.
      delimiter: one or more equal characters between two fields.
      headers: the accepted names of user, item and rating in the first line;
        further columns are ignored. Empty for a file without a header.
      columns: without a header, the positions of user, item and rating.
      num_columns: without a header, the number of fields in a line.
      integer_ids: whether identifiers must be integers; else they are any
        non-empty text.
      rating_range: the smallest and the largest rating, None for any finite.
    """

    filename: str
    delimiter: str = ","
    headers: tuple[tuple[str, str, str], ...] = ()
    columns: tuple[int, int, int] = (0, 1, 2)
    num_columns: int = 4
    integer_ids: bool = True
    rating_range: tuple[float, float] | None = None

    @property
    def id_kind(self) -> str:
        """What an identifier must be."""
        return "an integer" if self.integer_ids else "some text"

    @property
    def description(self) -> str:
        """One line that says what a line of the file should look like."""
        if self.headers:
            names = " or ".join(",".join(header) for header in self.headers)
            return f"the columns {names}"
        fields = ["..."] * self.num_columns
        for position, name in zip(self.columns, (USER, ITEM, RATING), strict=True):
            fields[position] = name
        shown = "<TAB>" if self.delimiter == "\t" else self.delimiter
        return shown.join(fields)

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams a file of this layout, see the function `read`."""
        return read(path, self)


def read(path: pathlib.Path, layout: Layout) -> Iterator[pa.RecordBatch]:
    """Streams the ratings of a delimited text file.

    Args:
      path: the file, plain or packed.
      layout: what the file should look like.

    Yields:
      Batches with columns `user`, `item` (int64 or string) and `rating` (float32).

    Raises:
      DataFileError: names the file, the line (from 1), what is wrong there and
        what was expected.
    """
    num_rows = 0
    try:
        for batch in _read_fast(path, layout):
            num_rows += batch.num_rows
            yield batch
    except (pa.ArrowException, _BadBatch) as error:
        _raise_first_bad_line(path, layout)
        # Only reached where the two readers disagree about what is valid.
        raise DataFileError(
            f"{path} is not laid out as expected, {layout.description}: {error}"
        ) from error
    if not num_rows:
        raise DataFileError(_no_ratings(path, layout))


class _BadBatch(Exception):
    """A batch that was parsed and yet holds values that are not allowed."""


def _read_fast(path: pathlib.Path, layout: Layout) -> Iterator[pa.RecordBatch]:
    id_type = pa.int64() if layout.integer_ids else pa.string()
    with files.open_binary(path) as stream:
        if layout.headers:
            positions, num_columns = _parse_header(path, layout, stream)
        else:
            positions, num_columns = layout.columns, layout.num_columns
        # pyarrow splits at single characters: at "::" it sees an empty field
        # between any two, which is then required to be empty.
        width = len(layout.delimiter)
        names = [f"gap {i}" for i in range((num_columns - 1) * width + 1)]
        for position, name in zip(positions, (USER, ITEM, RATING), strict=True):
            names[position * width] = name
        gaps = [names[i] for i in range(len(names)) if i % width]
        try:
            reader = pa_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pa_csv.ReadOptions(
                    column_names=names, block_size=_BLOCK_BYTES
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=layout.delimiter[0],
                    quote_char='"' if layout.headers else False,
                    newlines_in_values=bool(layout.headers),
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types={USER: id_type, ITEM: id_type, RATING: pa.float32()}
                    | dict.fromkeys(gaps, pa.string()),
                    include_columns=[USER, ITEM, RATING, *gaps],
                    null_values=[""],
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return
            raise
        with reader:
            for batch in reader:
                _check_batch(batch, layout, gaps)
                yield batch.select([USER, ITEM, RATING])


def _parse_header(
    path: pathlib.Path, layout: Layout, stream: BinaryIO
) -> tuple[tuple[int, ...], int]:
    """Returns the positions of user, item and rating, and the number of columns."""
    line = stream.readline()
    if not line:
        raise DataFileError(_no_ratings(path, layout))
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        fields = next(csv.reader([text], delimiter=layout.delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(
            f"{path}, line 1: expected a header with {layout.description}, found"
            f" something else: {error}."
        ) from error
    fields = [field.strip() for field in fields]
    for header in layout.headers:
        if all(fields.count(name) == 1 for name in header):
            return tuple(fields.index(name) for name in header), len(fields)
    raise DataFileError(
        f"{path}, line 1: expected a header with {layout.description}, found"
        f" {_shorten(','.join(fields))}."
    )


def _check_batch(batch: pa.RecordBatch, layout: Layout, gaps: list[str]) -> None:
    for name in (USER, ITEM, RATING):
        if batch[name].null_count:
            raise _BadBatch(f"a {name} is absent")
    if not layout.integer_ids:
        for name in (USER, ITEM):
            if pc.any(pc.equal(batch[name], "")).as_py():
                raise _BadBatch(f"a {name} is absent")
    for name in gaps:
        if pc.max(pc.binary_length(batch[name])).as_py():
            raise _BadBatch("a field is in the wrong place")
    ratings = batch[RATING].to_numpy()
    low, high = layout.rating_range or (-math.inf, math.inf)
    # A NaN fails the comparison too.
    if not np.all(np.isfinite(ratings) & (ratings >= low) & (ratings <= high)):
        raise _BadBatch("a rating is out of range")


def _raise_first_bad_line(path: pathlib.Path, layout: Layout) -> None:
    """Reads record by record and raises for the first that is not as expected."""
    with files.open_binary(path) as stream:
        positions: tuple[int, ...] = layout.columns
        num_columns = layout.num_columns
        first = 1
        if layout.headers:
            positions, num_columns = _parse_header(path, layout, stream)
            first = 2
        for number, fields in _records(stream, layout, first):
            problem = (
                fields
                if isinstance(fields, str)
                else _problem(fields, layout, positions, num_columns)
            )
            if problem:
                raise DataFileError(
                    f"{path}, line {number}: {problem}. Expected {layout.description}."
                )


def _records(
    stream: BinaryIO, layout: Layout, first: int
) -> Iterator[tuple[int, list[str] | str]]:
    """Yields the number of a record's first line, and its fields or its problem."""
    num_lines = 0

    def lines() -> Iterator[str]:
        nonlocal num_lines
        for line in stream:
            num_lines += 1
            yield line.decode()

    records: Iterator[list[str]]
    if layout.headers:
        # Between quotes a field may go on over several lines.
        records = csv.reader(lines(), delimiter=layout.delimiter)
    else:
        records = (line.rstrip("\r\n").split(layout.delimiter) for line in lines())
    while True:
        number = first + num_lines
        try:
            fields = next(records)
        except StopIteration:
            return
        except UnicodeDecodeError:
            yield first + num_lines - 1, "the text is not UTF-8"
            return
        except csv.Error as error:
            yield number, f"the line cannot be split into fields ({error})"
            return
        if fields not in ([], [""]):
            yield number, fields


def _problem(
    fields: list[str], layout: Layout, positions: tuple[int, ...], num_columns: int
) -> str | None:
    """Says what is wrong with a record, by the rules of the fast reader."""
    if len(fields) != num_columns:
        return f"{len(fields)} fields instead of {num_columns}"
    user, item, rating = (fields[position] for position in positions)
    rating = rating.strip()
    if layout.integer_ids:
        user, item = user.strip(), item.strip()
    for name, value in ((USER, user), (ITEM, item)):
        if not value:
            return f"the {name} is absent"
        if layout.integer_ids and not (
            _INTEGER.fullmatch(value) and _INT64.min <= int(value) <= _INT64.max
        ):
            return f"the {name} is {_shorten(repr(value))}, not {layout.id_kind}"
    if not rating:
        return "the rating is absent"
    if not _NUMBER.fullmatch(rating):
        return f"the rating is {_shorten(repr(rating))}, not a finite number"
    with np.errstate(over="ignore"):
        number = float(np.float32(rating))
    if not math.isfinite(number):
        return f"the rating {_shorten(rating)} is too large"
    if layout.rating_range:
        low, high = layout.rating_range
        if not low <= number <= high:
            return f"the rating {rating} is outside {low:g} to {high:g}"
    return None


def _no_ratings(path: pathlib.Path, layout: Layout) -> str:
    return f"{path} holds no ratings. Expected {layout.description}."


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
