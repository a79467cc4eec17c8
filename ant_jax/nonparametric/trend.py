"""The trend of a series: falling, rising, or neither."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Trend = Literal["monotone", "slope"]


def trend(
    values: Sequence[float], kind: Trend = "monotone", tolerance: float = 0.0
) -> int:
    """The direction in which values move.

    Args:
      values: a series of at least two numbers.
      kind: "monotone" requires that no change goes against the trend; "slope" takes the
        slope of the least-squares line, times the length of the series.
      tolerance: relative size up to which a change counts as none, and so agrees with
        either trend.

    Returns:
      -1 if values fall, 1 if they rise, and 0 if there is no clear trend. With
      tolerance 0, equal values count as falling, as in Algorithm 2 of Liang et al.,
      ICLR 2021.

    Raises:
      ValueError: there are fewer than two values, or the kind is unknown.

    Example:
      >>> trend([3.0, 2.0, 2.0]), trend([1.0, 3.0, 2.0])
      (-1, 0)
      >>> trend([1.0, 3.0, 2.0], kind="slope")
      1
    """
    if len(values) < 2:
        raise ValueError(f"A trend needs at least two values, got {len(values)}.")
    series = np.asarray(values, np.float64)
    if kind == "monotone":
        changes = np.diff(series)
        ties = tolerance * np.abs(series[:-1])
    elif kind == "slope":
        time = np.arange(len(series)) - (len(series) - 1) / 2
        slope = np.dot(time, series - series.mean()) / np.dot(time, time)
        changes = np.array([slope * (len(series) - 1)])
        ties = tolerance * np.abs(series.mean())
    else:
        raise ValueError(f"A trend is 'monotone' or 'slope', got {kind!r}.")
    falls, rises = bool(np.all(changes <= ties)), bool(np.all(changes >= -ties))
    if falls and rises:
        return 0 if tolerance else -1
    return int(rises) - int(falls)
