"""Ratings in JSON lines: one object a line, of which three fields are read.

As with delimited text, `pyarrow` reads fast but does not say which line is wrong. A
file is read some megabytes at a time, and those that fail once more, slowly.
"""

import dataclasses
import json
import math
import pathlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as pa_json

from experiments.data import files
from experiments.data.errors import DataFileError
from experiments.data.sources import ITEM, RATING, USER

_CHUNK_BYTES = 8 << 20
_MAX_LINE_BYTES = 64 << 20
_BLANK_LINE = re.compile(rb"(?:\A|\n)[ \t\r]*\n")


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a publisher lays out a ratings file.

    Attributes:
      filename: the file's name without a suffix for its compression, or a pattern.
      user: name of the field with the user, which is text.
      item: name of the field with the item, which is text.
      rating: name of the field with the rating, which is a number.
      rating_range: the smallest and the largest rating, None for any finite.
    """

    filename: str
    user: str
    item: str
    rating: str
    rating_range: tuple[float, float] | None = None

    @property
    def description(self) -> str:
        """One line that says what a line of the file should look like."""
        return (
            f'{{"{self.user}": "...", "{self.item}": "...", "{self.rating}": ..., ...}}'
        )

    def read(self, path: pathlib.Path) -> Iterator[pa.RecordBatch]:
        """Streams the ratings of a file of JSON lines.

        Args:
          path: the file, plain or packed.

        Yields:
          Batches with columns `user`, `item` (string) and `rating` (float32).

        Raises:
          DataFileError: names the file, the line (from 1), what is wrong there and
            what was expected.
        """
        num_rows = 0
        first = 1
        with files.open_binary(path) as stream:
            for chunk in self._chunks(path, stream):
                if chunk.strip():
                    batch = self._parse(chunk)
                    if batch is None:
                        batch = self._parse_slowly(path, chunk, first)
                    num_rows += batch.num_rows
                    yield batch
                first += chunk.count(b"\n")
        if not num_rows:
            raise DataFileError(
                f"{path} holds no ratings. Expected {self.description}."
            )

    def _chunks(self, path: pathlib.Path, stream: BinaryIO) -> Iterator[bytes]:
        """Yields whole lines."""
        first = 1
        while chunk := stream.read(_CHUNK_BYTES):
            if not chunk.endswith(b"\n"):
                rest = stream.readline(_MAX_LINE_BYTES)
                if len(rest) == _MAX_LINE_BYTES:
                    number = first + chunk.count(b"\n")
                    raise DataFileError(
                        f"{path}, line {number}: it does not end within"
                        f" {_MAX_LINE_BYTES >> 20} MiB. Expected one object a line,"
                        f" {self.description}."
                    )
                chunk += rest
            yield chunk
            first += chunk.count(b"\n")

    def _parse(self, chunk: bytes) -> pa.RecordBatch | None:
        """Parses lines fast; None where one of them is not as expected."""
        names = {USER: self.user, ITEM: self.item, RATING: self.rating}
        types = {USER: pa.string(), ITEM: pa.string(), RATING: pa.float64()}
        try:
            table = pa_json.read_json(
                pa.BufferReader(chunk),
                pa_json.ReadOptions(block_size=len(chunk)),
                pa_json.ParseOptions(
                    explicit_schema=pa.schema(
                        [(names[column], types[column]) for column in names]
                    ),
                    unexpected_field_behavior="ignore",
                ),
            )
            # UTF-8 is only checked here.
            table.validate(full=True)
        except pa.ArrowException:
            return None
        columns = {
            column: table[names[column]].combine_chunks() for column in (USER, ITEM)
        }
        # Objects that share a line, or go on over several, are accepted by pyarrow.
        num_lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        if num_lines != table.num_rows or _BLANK_LINE.search(chunk):
            return None
        rating = table[self.rating]
        if rating.null_count or any(
            values.null_count or pc.any(pc.equal(values, "")).as_py()
            for values in columns.values()
        ):
            return None
        with np.errstate(over="ignore"):
            ratings = rating.to_numpy().astype(np.float32)
        low, high = self.rating_range or (-math.inf, math.inf)
        if not np.all(np.isfinite(ratings) & (ratings >= low) & (ratings <= high)):
            return None
        return pa.record_batch(columns | {RATING: ratings})

    def _parse_slowly(
        self, path: pathlib.Path, chunk: bytes, first: int
    ) -> pa.RecordBatch:
        """Parses line by line and raises for the first that is not as expected."""
        rows: list[tuple[str, str, float]] = []
        for number, line in enumerate(chunk.split(b"\n"), start=first):
            if not line.strip():
                continue
            row = self._row(line)
            if isinstance(row, str):
                raise DataFileError(
                    f"{path}, line {number}: {row}. Expected {self.description}."
                )
            rows.append(row)
        users, items, ratings = zip(*rows, strict=True)
        return pa.record_batch(
            {
                USER: pa.array(users, pa.string()),
                ITEM: pa.array(items, pa.string()),
                RATING: np.asarray(ratings, np.float32),
            }
        )

    def _row(self, line: bytes) -> tuple[str, str, float] | str:
        """Returns user, item and rating of a line, or what is wrong with it."""
        try:
            fields = json.loads(line.decode())
        except UnicodeDecodeError:
            return "the text is not UTF-8"
        except (ValueError, RecursionError) as error:
            return f"it is not JSON ({error})"
        if not isinstance(fields, dict):
            return f"it is not a JSON object but {_shorten(fields)}"
        for name in (self.user, self.item):
            if problem := _text_problem(fields.get(name)):
                return f'"{name}" {problem}'
        rating = fields.get(self.rating)
        if rating is None:
            return f'"{self.rating}" is absent'
        if isinstance(rating, bool) or not isinstance(rating, int | float):
            return f'"{self.rating}" is {_shorten(rating)}, not a number'
        try:
            with np.errstate(over="ignore"):
                number = float(np.float32(rating))
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            return f'"{self.rating}" is {_shorten(rating)}, not a finite number'
        if self.rating_range:
            low, high = self.rating_range
            if not low <= number <= high:
                return f'"{self.rating}" is {rating}, outside {low:g} to {high:g}'
        return fields[self.user], fields[self.item], number


def _text_problem(value: Any) -> str | None:
    if value is None or value == "":
        return "is absent"
    if not isinstance(value, str):
        return f"is {_shorten(value)}, not text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"is {_shorten(value)}, half of a character"
    return None


def _shorten(value: Any, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
