"""Prepared files: made on the first call, checked and read on every other."""

import contextlib
import logging
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import TypeVar

import tensorflow_datasets as tfds

from experiments.data.errors import CacheError

_log = logging.getLogger(__name__)
_VARIABLE = "ANT_JAX_CACHE"
_ABANDONED_SECONDS = 24 * 60 * 60
_ADVICE = (
    "Free space there, or name another folder with cache_dir or the environment"
    f" variable {_VARIABLE}."
)
_Builder = TypeVar("_Builder", bound=tfds.core.DatasetBuilder)
_Data = TypeVar("_Data")


def resolve(cache_dir: str | None) -> pathlib.Path:
    """Returns the folder of all prepared files; None is the default one."""
    name = cache_dir or os.environ.get(_VARIABLE) or "~/.cache/ant_jax"
    return pathlib.Path(name).expanduser()


def load(
    prepared: pathlib.Path,
    make_builder: Callable[[], _Builder],
    read: Callable[[_Builder], _Data],
    what: str,
) -> _Data:
    """Reads prepared files, which are made first where there are none.

    They appear by one rename, so what is there is whole; what was damaged since is
    noticed when it is read, and made again.

    Args:
      prepared: the folder of the files, see `BlockBuilder.folder`.
      make_builder: returns a builder, a new one at each call: one that was made
        before the files were knows nothing of them.
      read: reads the files of a builder. It raises an exception of any type where
        they are damaged, and only there.
      what: what is prepared and from where, for the log.

    Returns:
      What `read` returns.

    Raises:
      CacheError: the files cannot be written, or not be read back.
      DataError: from the builder, about the data set's own files.
    """
    # Not prepared.exists(), which raises where a folder above may not be entered.
    if os.path.exists(prepared):
        try:
            return read(make_builder())
        except MemoryError:
            raise
        # Damaged bytes surface as whatever error the parser they reach raises.
        except Exception as error:
            _log.warning(
                "The prepared files in %s are damaged (%s) and are made again.",
                prepared,
                error,
            )
            _remove(prepared)
    _log.info("Preparing %s in %s", what, prepared)
    _remove_abandoned(prepared)
    _prepare(make_builder(), prepared)
    try:
        return read(make_builder())
    except MemoryError:
        raise
    except Exception as error:
        raise CacheError(
            f"The files just written to {prepared} cannot be read back"
            f" ({error}). {_ADVICE}"
        ) from error


def _prepare(builder: tfds.core.DatasetBuilder, prepared: pathlib.Path) -> None:
    try:
        builder.download_and_prepare()
    # ArrayRecord's writer raises RuntimeError where Python raises OSError.
    except (OSError, RuntimeError) as error:
        if os.path.exists(prepared):
            return  # Another process prepared the same files meanwhile.
        raise CacheError(
            f"Cannot write prepared data to {prepared}: {str(error).rstrip('.')}."
            f" {_ADVICE}"
        ) from error


def _remove_abandoned(prepared: pathlib.Path) -> None:
    """Removes what killed preparations left; one that is at work has newer files."""
    # <data set>/<fingerprint>/<builder>/<version>: other fingerprints count too.
    builder, folder = prepared.parent.name, prepared.parents[2]
    for half in folder.glob(f"*/{builder}/incomplete.*"):
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime for path in (half, *half.iterdir()))
            if time.time() - newest > _ABANDONED_SECONDS:
                shutil.rmtree(half)


def _remove(prepared: pathlib.Path) -> None:
    try:
        shutil.rmtree(prepared)
    except FileNotFoundError:
        pass  # Another process noticed it too.
    except OSError as error:
        raise CacheError(
            f"The prepared files in {prepared} are damaged and cannot be removed:"
            f" {error}. {_ADVICE}"
        ) from error
