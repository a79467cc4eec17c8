"""What a program's score is called, and how it is reported."""

import dataclasses


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
      share_right: whether the loss is a share of mistakes, and what is reported the
        percentage that is right.
    """

    name: str
    title: str
    label: str
    digits: int
    share_right: bool = False

    def report(self, loss: float) -> float:
        """The score that a mean loss stands for."""
        return 100 * (1 - loss) if self.share_right else loss

    def format(self, value: float) -> str:
        """A reported score as a table shows it."""
        return f"{value:.{self.digits}f}"


MSE = Metric("mse", "MSE", "mean squared error", 4)
ACCURACY = Metric("accuracy", "accuracy (%)", "accuracy (%)", 2, share_right=True)
METRICS = {metric.name: metric for metric in (MSE, ACCURACY)}
