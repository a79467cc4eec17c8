"""A file is written whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Writes a file in one step: under a temporary name, flushed to disk, then moved.

    Whatever fails, what stood at `path` before still stands there, and nothing is left
    behind.

    Raises:
      OSError: naming the path and what went wrong.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        kept = "; the earlier file is untouched" if path.exists() else ""
        raise OSError(
            error.errno, f"Could not write the table ({reason}){kept}", str(path)
        ) from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Makes the move itself durable where a folder can be opened, which Windows refuses.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
