"""How every program starts and how it fails: one clear message, no traceback."""

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import absl.logging
from absl import app, flags

from experiments.data import DataError
from experiments.runner.errors import TrainingError
from experiments.runner.settings import SettingError

flags.DEFINE_boolean("debug", False, "Show tracebacks, and what libraries log.")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def run(main: Callable[[], None], help: Callable[[], str] | None = None) -> None:
    """Runs a program; an error that its user can correct ends it with status 1.

    Such errors are wrong settings and data, runs that cannot go on (`TrainingError`)
    and what the operating system refuses. Any other `ValueError` may be a fault of the
    program: its message comes with a hint at the flag that shows where it arose.

    Args:
      main: the program, called once the flags are parsed.
      help: makes the text of --help; absl's own if not given.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            _fail(f"Unknown argument {argv[1]!r}; flags begin with --, see --help.")
        if not flags.FLAGS.debug:
            _quiet()
        try:
            main()
        except (TrainingError, ValueError, OSError) as error:
            if flags.FLAGS.debug:
                raise
            _fail(_message(error))
        except KeyboardInterrupt:
            _fail("Interrupted; the same command with --resume goes on.")

    if help is not None and {"--help", "-help", "-h"} & set(sys.argv[1:]):
        print(help())
        return
    # Our own lines only: what orbax and others log goes through absl's handler.
    for name in ("ant_jax", "experiments"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.StreamHandler())
        logger.propagate = False
    app.run(guarded)


def _quiet() -> None:
    """Keeps off the screen what orbax says of an error that the main thread gets too.

    It logs tracebacks, and threads of its own and of TensorStore end with more.
    """
    absl.logging.set_verbosity(absl.logging.FATAL)
    threading.excepthook = lambda _: None
    sys.unraisablehook = lambda _: None


def _message(error: Exception) -> str:
    if isinstance(error, (TrainingError, SettingError, DataError)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        name = f" ({error.filename})" if error.filename else ""
        advice = ""
        if error.errno in _FULL:
            advice = " Free some space."
        elif error.errno in _FORBIDDEN:
            advice = " Check the permissions."
        return f"{error.strerror}{name}.{advice}"
    return f"{error} ({type(error).__name__}; --debug shows where)"


def _fail(message: Any) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    # Threads that wait for a disk that is full would keep the process alive.
    os._exit(1)
