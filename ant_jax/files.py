"""Writing files so that a kill or a full disk never costs what was there."""

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Writes a whole file or leaves the old one: temporary name, fsync, rename.

    Args:
      path: the file; its folder must exist.
      content: bytes, or text to store as UTF-8.

    Raises:
      OSError: naming the path and what went wrong: the folder is missing or read-only,
        or the disk is full. An earlier file of that name is as it was, and nothing is
        left behind.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
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
            error.errno, f"Could not write the file ({reason}){kept}", str(path)
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
