"""Metrics as they come: JSON lines always, TensorBoard when it is installed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last line that a kill cut short is left out."""
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


class MetricsWriter:
    """Appends a row an epoch to `metrics.jsonl`, and to TensorBoard if it can."""

    def __init__(
        self, path: str | Path, tensorboard: str | Path | None = None, epoch: int = 0
    ) -> None:
        """Opens the file, keeping only rows of the first `epoch` epochs.

        Args:
          path: the JSON-lines file.
          tensorboard: folder of event files; None, or tensorboardX not being
            installed, writes none.
          epoch: number of epochs done by the checkpoint that the run goes on from.
        """
        kept = [row for row in read_metrics(path) if row["epoch"] <= epoch]
        write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept))
        self.rows = kept
        self._path = Path(path)
        # Unbuffered: on a full disk closing would fail again over what is buffered.
        self._file = self._path.open("ab", buffering=0)
        self._events = _event_writer(tensorboard, epoch)

    def write(self, row: Mapping[str, Any]) -> None:
        """Stores one row, which must hold "epoch"; other numbers are scalars.

        Raises:
          OSError: naming the file, which cannot be written.
        """
        self.rows.append(dict(row))
        line = memoryview((json.dumps(row) + "\n").encode())
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        if self._events is not None:
            for name, value in row.items():
                if name != "epoch" and isinstance(value, (int, float)):
                    self._events.add_scalar(name, value, row["epoch"])

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def _event_writer(folder: str | Path | None, epoch: int) -> Any:
    if folder is None:
        return None
    try:
        import tensorboardX
    except ImportError:
        return None
    return tensorboardX.SummaryWriter(str(folder), purge_step=epoch + 1)
