"""The folder of one run: what belongs to it, and who may write there."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ant_jax.files import write_atomically
from experiments.runner.errors import BusyError, WorkdirError
from experiments.runner.lock import Lock

Mode = Literal["new", "resume", "overwrite"]


class Workdir:
    """Paths of one run's files, all under one folder.

    A context manager: what `claim` locked is released at its end.

    Attributes:
      path: the folder.
      config: what was asked for, written when the run starts.
      metrics: one JSON line an epoch.
      result: the run's results, written once, when it has finished.
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
        self._lock = Lock(self.path / ".lock")

    def __enter__(self) -> "Workdir":
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def claim(
        self,
        config: Mapping[str, Any],
        mode: Mode = "new",
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        """Makes the folder this run's own, and keeps other processes out of it.

        Args:
          config: JSON-serializable settings that a resumed run must share.
          mode: "new" refuses a folder that holds a run; "resume" goes on with the run
            of the same settings there, or starts it; "overwrite" removes it first.
          defaults: what a setting was before it could be chosen, for runs that were
            started before there was one of that name.

        Raises:
          BusyError: the folder is in use.
          WorkdirError: it holds another run, or cannot be written.
        """
        config = json.loads(json.dumps(config))
        defaults = json.loads(json.dumps(defaults or {}))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._lock.acquire():
                raise BusyError(
                    f"Another run is writing to the work directory {self.path}. Wait "
                    "for its end, or choose another --workdir."
                )
            if any(path.exists() for path in (self.config, *self._outputs())):
                self._meet(config, mode, defaults)
            write_atomically(self.config, json.dumps(config, indent=2) + "\n")
        except OSError as error:
            self.release()
            reason = os.strerror(error.errno) if error.errno else error
            raise WorkdirError(
                f"Cannot write to the work directory {self.path}: {reason}. Free some "
                "space, fix its permissions or choose another --workdir."
            ) from error
        except WorkdirError:
            self.release()
            raise

    def release(self) -> None:
        """Lets other processes in again; does nothing where `claim` did not succeed."""
        self._lock.release()

    def read_result(self) -> dict[str, Any] | None:
        """What `result` holds, or None for a run that has not finished.

        Raises:
          WorkdirError: the file is damaged.
        """
        if not self.result.exists():
            return None
        return _read_object(self.result)

    def _meet(
        self, config: Mapping[str, Any], mode: Mode, defaults: Mapping[str, Any]
    ) -> None:
        if mode == "new":
            state = "a finished" if self.result.exists() else "an unfinished"
            raise WorkdirError(
                f"The work directory {self.path} holds {state} run. Pass --resume to "
                "go on with it, --overwrite to replace it, or choose another --workdir."
            )
        if mode == "overwrite":
            self._clear()
            return
        other = {**defaults, **_read_object(self.config)}
        for name in sorted({*config, *other}):
            if config.get(name) != other.get(name):
                raise WorkdirError(
                    f"The run in {self.path} was started with {name}="
                    f"{other.get(name)!r}, not {config.get(name)!r}: resume it with "
                    "the same settings, or choose another --workdir."
                )

    def _outputs(self) -> tuple[Path, ...]:
        # The result goes first: whatever is left after a kill then counts as
        # unfinished. Metrics without checkpoints are dropped, but not the reverse.
        return (
            self.result,
            self.checkpoints,
            self.metrics,
            self.artifact,
            self.curves,
            self.tensorboard,
        )

    def _clear(self) -> None:
        for path in self._outputs():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    except (ValueError, OSError) as error:
        raise WorkdirError(
            f"{path} is missing or damaged ({error}); --overwrite starts anew."
        ) from error
    return found
