"""The folder of one run: what belongs to it, and who may write there."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ant_jax.files import write_atomically
from ant_jax.training.errors import WorkdirError

Mode = Literal["new", "resume", "overwrite"]


class Workdir:
    """Paths of one run's files, all under one folder.

    Attributes:
      path: the folder.
      config: what was asked for, written when the run starts.
      metrics: one JSON line an epoch.
      result: the run's figures, written once, when it has finished.
      checkpoints: folder of what a killed run goes on from.
      artifact: folder of the tables to ship.
      curves: the picture.
      tensorboard: folder of event files.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.config = self.path / "config.json"
        self.metrics = self.path / "metrics.jsonl"
        self.result = self.path / "result.json"
        self.checkpoints = self.path / "checkpoints"
        self.artifact = self.path / "artifact"
        self.curves = self.path / "curves.png"
        self.tensorboard = self.path / "tensorboard"

    def claim(self, config: Mapping[str, Any], mode: Mode = "new") -> None:
        """Makes the folder this run's own.

        Args:
          config: JSON-serializable settings that a resumed run must share.
          mode: "new" refuses a folder that holds a run; "resume" goes on with the run
            of the same settings there, or starts it; "overwrite" removes it first.

        Raises:
          WorkdirError: the folder holds another run, or cannot be written.
        """
        config = json.loads(json.dumps(config))
        try:
            if self.config.exists():
                self._meet(config, mode)
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.config, json.dumps(config, indent=2) + "\n")
        except OSError as error:
            raise WorkdirError(
                f"Cannot write to the work directory {self.path}: {error.strerror}. "
                "Free some space or choose another --workdir."
            ) from error

    def _meet(self, config: dict[str, Any], mode: Mode) -> None:
        if mode == "new":
            state = "a finished" if self.result.exists() else "an unfinished"
            raise WorkdirError(
                f"The work directory {self.path} holds {state} run. Pass --resume to go "
                "on with it, --overwrite to replace it, or choose another --workdir."
            )
        if mode == "overwrite":
            self._clear()
            return
        try:
            other = json.loads(self.config.read_text())
        except ValueError as error:
            raise WorkdirError(
                f"{self.config} is damaged ({error}); --overwrite starts anew."
            ) from error
        for name in sorted({*config, *other}):
            if config.get(name) != other.get(name):
                raise WorkdirError(
                    f"The run in {self.path} was started with {name}="
                    f"{other.get(name)!r}, not {config.get(name)!r}: resume it with the "
                    "same settings, or choose another --workdir."
                )

    def _clear(self) -> None:
        # The result goes first: whatever is left after a kill then counts as unfinished.
        for file in (self.result, self.metrics, self.curves):
            file.unlink(missing_ok=True)
        for folder in (self.checkpoints, self.artifact, self.tensorboard):
            if folder.exists():
                shutil.rmtree(folder)
