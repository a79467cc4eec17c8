"""What several seeds have measured, as mean and deviation."""

from collections.abc import Mapping, Sequence

import numpy as np

Summary = Mapping[str, float]  # "mean" and "deviation"


def summarize(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample deviation."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "deviation": deviation}


def plus_minus(summary: Summary, digits: int) -> str:
    """Mean ± deviation, with this number of digits after the point."""
    return f"{summary['mean']:.{digits}f} ± {summary['deviation']:.{digits}f}"


def thousands(summary: Summary) -> str:
    """A mean number of parameters, such as 59.4K."""
    return f"{summary['mean'] / 1000:.1f}K"


def kilobytes(summary: Summary, digits: int = 0) -> str:
    """A mean number of bytes, such as 308 kB."""
    return f"{summary['mean'] / 1000:.{digits}f} kB"
