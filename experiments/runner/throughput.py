"""How fast a run was."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def throughput(history: Sequence[Mapping[str, Any]], batch_size: int) -> float | None:
    """Examples a second of the median epoch; the first, which compiles, is left out.

    Args:
      history: the `step` and `seconds` of each epoch; see `training.FitResult`.
      batch_size: examples a step.
    """
    steps = np.diff([row["step"] for row in history])
    seconds = np.array([row["seconds"] for row in history[1:]])
    if not len(steps):
        return None
    return round(float(np.median(steps * batch_size / seconds)), 1)
