"""The table and the picture."""

import numpy as np
from matplotlib import image

from ant_jax.report import results_table, training_curves

ROW = {
    "metric": "mse",
    "method": "ant",
    "value": 0.75,
    "emb_params": 1000,
    "emb_bytes": 5000,
    "dense_params": 10_000,
    "wall_s": 1.25,
}


def test_the_table_holds_every_row_and_aligns():
    other = {**ROW, "method": "full", "emb_params": 10_000, "emb_bytes": 40_000}
    lines = results_table([ROW, other]).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells == ["ant", "0.7500", "1,000", "5,000", "10.0x, 8.0x", "1.2"]
    assert "1.0x, 1.0x" in lines[3]


def test_the_picture_is_a_picture(tmp_path):
    history = [
        {"epoch": e, "train_loss": 1 / e, "validation": 1.1 / e, "emb_params": 100 * e}
        for e in range(1, 6)
    ]
    path = tmp_path / "curves.png"
    training_curves(history, path)
    pixels = image.imread(path)
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50
