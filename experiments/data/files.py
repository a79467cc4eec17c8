"""Files of data on disk, plain or packed with xz or gzip."""

import contextlib
import gzip
import hashlib
import lzma
import pathlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from experiments.data.errors import DataFileError

# In the order in which they are looked for.
SUFFIXES = ("", ".xz", ".gz")


def unpacked_name(path: pathlib.Path) -> str:
    """Returns the file's name without the suffix of its compression."""
    return path.stem if path.suffix in SUFFIXES[1:] else path.name


@contextlib.contextmanager
def open_binary(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file for reading, unpacking it on the way.

    Args:
      path: a file; `.xz` and `.gz` are unpacked, anything else is read as it is.

    Yields:
      The unpacked bytes as a stream.

    Raises:
      DataFileError: the file cannot be read, or its archive is cut off or
        damaged. This also covers errors raised inside the `with` block.
    """
    try:
        with contextlib.ExitStack() as stack:
            # Opened first and apart, so that it is closed when unpacking fails.
            raw = stack.enter_context(open(path, "rb"))
            if path.suffix == ".xz":
                stream = cast(BinaryIO, stack.enter_context(lzma.open(raw, "rb")))
            elif path.suffix == ".gz":
                stream = cast(BinaryIO, stack.enter_context(gzip.open(raw, "rb")))
            else:
                stream = raw
            yield stream
    # gzip.BadGzipFile is an OSError, so archives have to come first.
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(
            f"{path} is cut off or not a valid {path.suffix or 'data'} file"
            f" ({error}). Fetch it again."
        ) from error
    except OSError as error:
        raise DataFileError(
            f"Cannot read {path}: {error.strerror or error}."
        ) from error


def fingerprint(path: pathlib.Path) -> str:
    """Returns 16 hexadecimal digits that change when the file's bytes change.

    The content is hashed, not the size and time: a file that was replaced with
    its time kept must not be mistaken for the old one.

    Raises:
      DataFileError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8))
    except OSError as error:
        raise DataFileError(
            f"Cannot read {path}: {error.strerror or error}."
        ) from error
    return digest.hexdigest()
