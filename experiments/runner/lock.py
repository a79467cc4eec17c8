"""A folder that one process at a time may write to."""

import fcntl
import os
from pathlib import Path


class Lock:
    """An exclusive lock on a file, which the kernel lifts when its process ends.

    So there is nothing to clean up after a kill. Within a process each `Lock` counts as
    a holder of its own.
    """

    def __init__(self, path: str | Path) -> None:
        """Names the file; `acquire` makes it.

        Args:
          path: the file; its folder must exist by then. It is never removed, since
            removing it would let two holders in.
        """
        self.path = Path(path)
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock, or returns False at once if another holds it.

        Raises:
          OSError: the file cannot be made.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            # Some network file systems have no locks; a run is worth more than one.
            pass
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go of the lock if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
