"""The parts of a data set."""

from typing import Any, NamedTuple


class Splits(NamedTuple):
    """Three disjoint parts, each a named tuple of arrays with one leading axis."""

    train: Any
    validation: Any
    test: Any
