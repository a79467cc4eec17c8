"""Checkpoints from which a killed run goes on to the same numbers."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from experiments.runner.errors import CheckpointError

# What a disk refuses. TensorStore puts these words into errors of many types.
_REFUSALS = [
    os.strerror(code)
    for code in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EIO,
    )
]


class Checkpoints:
    """Orbax checkpoints, one an epoch, of arrays and a few plain numbers.

    Saving runs in the background and is atomic: a checkpoint that a kill cut short is
    not seen again. What goes wrong there is raised by the next call.
    """

    def __init__(self, directory: str | Path, max_to_keep: int = 2) -> None:
        """Opens, or makes, the folder of checkpoints.

        Args:
          directory: the folder.
          max_to_keep: how many of the newest to keep.

        Raises:
          CheckpointError: the folder cannot be made.
        """
        self.directory = Path(directory).absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=max_to_keep, cleanup_tmp_directories=True
        )
        with self._writing():
            self._manager = ocp.CheckpointManager(self.directory, options=options)

    def save(self, epoch: int, arrays: Any, progress: dict[str, Any]) -> None:
        """Begins to store the state after `epoch` epochs.

        Raises:
          CheckpointError: this checkpoint or the one before it cannot be written.
        """
        with self._writing():
            self._manager.save(
                epoch,
                args=ocp.args.Composite(
                    arrays=ocp.args.StandardSave(arrays),
                    progress=ocp.args.JsonSave(progress),
                ),
            )

    def latest(self) -> str | None:
        """The folder of the newest complete checkpoint, if there is one.

        Raises:
          CheckpointError: the last one cannot be written.
        """
        with self._writing():
            self._manager.wait_until_finished()
        epoch = self._manager.latest_step()
        return None if epoch is None else str(self.directory / str(epoch))

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest checkpoint, or None when there is none.

        Args:
          like: arrays of the shapes, dtypes and shardings to restore into.

        Returns:
          The arrays, in the structure of `like`, and the progress saved with them.

        Raises:
          CheckpointError: it is damaged, or of arrays of another structure.
        """
        epoch = self._manager.latest_step()
        if epoch is None:
            return None
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        with self._reading(epoch):
            restored = self._manager.restore(
                epoch,
                args=ocp.args.Composite(
                    arrays=ocp.args.StandardRestore(abstract),
                    progress=ocp.args.JsonRestore(),
                ),
            )
            return restored["arrays"], restored["progress"]

    def close(self) -> None:
        """Waits for what is being saved.

        Raises:
          CheckpointError: the last checkpoint cannot be written.
        """
        with self._writing():
            self._manager.close()

    # Orbax and TensorStore raise errors of any type for a disk or a file that is not
    # as it should be, so both of these catch every one.
    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise CheckpointError(
                f"Cannot write checkpoints to {self.directory}: {_reason(error)}. Free "
                "some space there or fix its permissions, then go on with --resume."
            ) from error

    @contextlib.contextmanager
    def _reading(self, epoch: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            others = [step for step in self._manager.all_steps() if step != epoch]
            earlier = (
                f"Remove that folder to go on from epoch {max(others)}, or start"
                if others
                else "Start"
            )
            raise CheckpointError(
                f"The checkpoint {self.directory / str(epoch)} is damaged or of "
                f"another model ({_reason(error)}). {earlier} anew with --overwrite."
            ) from error


def _reason(error: Exception) -> str:
    text = str(error)
    for refusal in _REFUSALS:
        if refusal in text:
            return refusal
    first = text.strip().partition("\n")[0][:120].rstrip(".")
    return first or type(error).__name__
