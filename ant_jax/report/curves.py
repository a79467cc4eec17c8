"""The picture of a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ant_jax.report.figures import save_figure


def training_curves(history: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Draws error and embedding parameters against epochs.

    Args:
      history: one row an epoch with `epoch train_loss validation emb_params`.
      path: the PNG file.

    Raises:
      OSError: the file cannot be written.
    """
    # Without pyplot there is no global state and no display to look for.
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(7, 4), layout="constrained")
    error = figure.add_subplot()
    error.plot(epochs, [row["train_loss"] for row in history], label="training error")
    error.plot(epochs, [row["validation"] for row in history], label="validation error")
    error.set_xlabel("epoch")
    error.set_ylabel("mean squared error")
    size = error.twinx()
    color = "tab:green"
    parameters = [row["emb_params"] for row in history]
    size.plot(epochs, parameters, color=color, linestyle="--", label="non-zeros")
    size.set_ylabel("embedding parameters (non-zeros)", color=color)
    size.set_ylim(bottom=0)
    lines = [*error.get_lines(), *size.get_lines()]
    error.legend(lines, [str(line.get_label()) for line in lines], loc="upper right")
    for axes in (error, size):
        axes.spines["top"].set_visible(False)
    save_figure(figure, path)
