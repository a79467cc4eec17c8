"""Whether a series falls or rises."""

from collections.abc import Sequence

import numpy as np


def trend(
    values: Sequence[float], kind: str = "monotone", tolerance: float = 0.0
) -> int:
    """Where values are going.

    Args:
      values: a series, at least two numbers.
      kind: "monotone" asks that no change goes against the trend; "slope" takes that
        of the least-squares line, over the length of the series.
      tolerance: relative size up to which a change counts as none. Such a tie goes with
        either trend.

    Returns:
      -1 where values fall and 1 where they rise. Where neither or nothing but ties is
      seen it is 0, but equal values fall where the tolerance is 0, as in Algorithm 2 of
      Liang et al., ICLR 2021.

    Raises:
      ValueError: fewer than two values, or the kind is unknown.

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
