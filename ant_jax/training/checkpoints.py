"""Checkpoints from which a killed run goes on to the same numbers."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp


class Checkpoints:
    """Orbax checkpoints, one an epoch, of arrays and a few plain numbers.

    Saving runs in the background and is atomic: a checkpoint that a kill cut short is
    not seen again.
    """

    def __init__(self, directory: str | Path, max_to_keep: int = 2) -> None:
        """Opens, or makes, the folder of checkpoints.

        Args:
          directory: the folder.
          max_to_keep: how many of the newest to keep.
        """
        self.directory = Path(directory).absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=max_to_keep)
        self._manager = ocp.CheckpointManager(self.directory, options=options)

    def save(self, epoch: int, arrays: Any, progress: dict[str, Any]) -> None:
        """Begins to store the state after `epoch` epochs."""
        self._manager.save(
            epoch,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays),
                progress=ocp.args.JsonSave(progress),
            ),
        )

    def latest(self) -> str | None:
        """The folder of the newest complete checkpoint, if there is one."""
        self._manager.wait_until_finished()
        epoch = self._manager.latest_step()
        return None if epoch is None else str(self.directory / str(epoch))

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest checkpoint, or None when there is none.

        Args:
          like: arrays of the shapes, dtypes and shardings to restore into.

        Returns:
          The arrays, in the structure of `like`, and the progress saved with them.
        """
        epoch = self._manager.latest_step()
        if epoch is None:
            return None
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        restored = self._manager.restore(
            epoch,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardRestore(abstract),
                progress=ocp.args.JsonRestore(),
            ),
        )
        return restored["arrays"], restored["progress"]

    def close(self) -> None:
        """Waits for what is being saved."""
        self._manager.close()
