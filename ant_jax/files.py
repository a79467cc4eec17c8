"""Writing files so that a kill or a full disk never costs what was there."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Writes a whole file or leaves the old one: temporary name, fsync, rename.

    Args:
      path: the file; its folder must exist.
      content: bytes, or text to store as UTF-8.

    Raises:
      OSError: the folder is missing or read-only, or the disk is full. The temporary
        file is removed and an earlier file of that name is as it was.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
