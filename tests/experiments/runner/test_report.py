"""The table and the picture."""

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from experiments.runner import curves
from experiments.runner.curves import training_curves
from experiments.runner.metric import ACCURACY, MSE
from experiments.runner.table import results_table

ROW = {
    "metric": "mse",
    "method": "ant",
    "value": 0.75,
    "emb_params": 1000,
    "emb_bytes": 5000,
    "dense_params": 10_000,
    "wall_s": 1.25,
}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_holds_every_row_and_aligns():
    other = {**ROW, "method": "full", "emb_params": 10_000, "emb_bytes": 40_000}
    lines = results_table([ROW, other]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert cells(lines[0])[1] == "test MSE"
    assert cells(lines[2]) == ["ant", "0.7500", "1,000", "5,000", "10.0x, 8.0x", "1.2"]
    assert "1.0x, 1.0x" in lines[3]


def test_a_percentage_is_shown_as_one():
    lines = results_table([{**ROW, "metric": "accuracy", "value": 96.83}]).splitlines()
    assert cells(lines[0])[1] == "test accuracy (%)"
    assert cells(lines[2])[1] == "96.83"


def history(scores):
    return [
        {"epoch": e, "train_loss": 1 / e, "validation": score, "emb_params": 100 * e}
        for e, score in enumerate(scores, start=1)
    ]


def test_the_picture_is_a_picture(tmp_path):
    path = tmp_path / "curves.png"
    training_curves(history([1.1, 0.6, 0.4]), path, MSE, MSE.label)
    pixels = image.imread(path)
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50


@pytest.mark.parametrize(
    ("metric", "loss", "labels"),
    [
        (MSE, "mean squared error", ["mean squared error", "embedding parameters"]),
        (
            ACCURACY,
            "cross-entropy",
            ["cross-entropy", "accuracy (%)", "embedding parameters"],
        ),
    ],
)
def test_every_axis_says_what_is_on_it(metric, loss, labels, tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(
        curves, "save_figure", lambda figure, path: drawn.append(figure)
    )
    training_curves(history([50.0, 60.0]), tmp_path / "curves.png", metric, loss)
    axes = drawn[0].axes
    assert sorted(a.get_ylabel() for a in axes) == sorted(labels)
    # Scores stand on the axes of that name, losses on those of theirs.
    (scores,) = (a for a in axes if a.get_ylabel() == metric.label)
    assert [50.0, 60.0] in [list(line.get_ydata()) for line in scores.get_lines()]
    (losses,) = (a for a in axes if a.get_ylabel() == loss)
    assert [1.0, 0.5] in [list(line.get_ydata()) for line in losses.get_lines()]
