"""The picture of a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.runner.metric import Metric
from experiments.runner.pictures import save_figure


def training_curves(
    history: Sequence[Mapping[str, Any]],
    path: str | Path,
    metric: Metric,
    loss_label: str,
) -> None:
    """Draws loss, validation score and embedding parameters against epochs.

    Loss and score share their axes if they are the same quantity.

    Args:
      history: one row an epoch with `epoch train_loss validation emb_params`.
      path: the PNG file.
      metric: what `validation` is.
      loss_label: what `train_loss` is.

    Raises:
      OSError: the file cannot be written.
    """
    # Without pyplot there is no global state and no display to look for.
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    shared = metric.label == loss_label
    figure = Figure(figsize=(7, 4 if shared else 6), layout="constrained")
    panels = figure.subplots(1 if shared else 2, sharex=True, squeeze=False)[:, 0]
    loss, score = panels[0], panels[-1]
    training = [row["train_loss"] for row in history]
    loss.plot(epochs, training, label="training")
    validation = [row["validation"] for row in history]
    score.plot(epochs, validation, color="tab:orange", label="validation")
    loss.set_ylabel(loss_label)
    score.set_ylabel(metric.label)
    score.set_xlabel("epoch")
    size = score.twinx()
    color = "tab:green"
    parameters = [row["emb_params"] for row in history]
    size.plot(epochs, parameters, color=color, linestyle="--", label="parameters")
    size.set_ylabel("embedding parameters", color=color)
    size.set_ylim(bottom=0)
    lines = [*loss.get_lines(), *size.get_lines()]
    if not shared:
        loss.legend(loc="upper right")
        lines = [*score.get_lines(), *size.get_lines()]
    score.legend(lines, [str(line.get_label()) for line in lines], loc="best")
    for axes in (*panels, size):
        axes.spines["top"].set_visible(False)
    save_figure(figure, path)
