"""What a program's score is called, and how it is reported."""

import dataclasses
import math
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Metric:
    """A validation or test score.

    Training works with a loss, lower is better; people read `report(loss)`, in every
    file alike.

    Attributes:
      name: what files call it.
      title: its name in tables.
      label: its name on axes.
      digits: digits after the decimal point in tables.
      report: the score that a mean loss stands for.
    """

    name: str
    title: str
    label: str
    digits: int
    report: Callable[[float], float]

    def format(self, value: float) -> str:
        """A reported score as a table shows it."""
        return f"{value:.{self.digits}f}"


def _percent_right(mistakes: float) -> float:
    return 100 * (1 - mistakes)


MSE = Metric("mse", "MSE", "mean squared error", 4, float)
ACCURACY = Metric("accuracy", "accuracy (%)", "accuracy (%)", 2, _percent_right)
PERPLEXITY = Metric("perplexity", "perplexity", "perplexity", 2, math.exp)
METRICS = {metric.name: metric for metric in (MSE, ACCURACY, PERPLEXITY)}
