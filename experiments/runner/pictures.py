"""Storing a picture."""

import io
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically


def save_figure(figure: Any, path: str | Path) -> None:
    """Writes a matplotlib figure as a PNG, whole or not at all.

    Args:
      figure: the `matplotlib.figure.Figure`.
      path: the PNG file.

    Raises:
      OSError: the file cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())
