"""How a program fails: what is the user's to correct, and what may be a fault."""

import errno
import os
import subprocess
import sys

import pytest

from experiments.data import DataError
from experiments.runner.cli import _message
from experiments.runner.errors import CollapsedError
from experiments.runner.settings import SettingError


@pytest.mark.parametrize("error", [SettingError, DataError, CollapsedError])
def test_errors_with_advice_are_printed_as_they_are(error):
    assert _message(error("Lower --l1.")) == "Lower --l1."


def test_a_value_error_from_elsewhere_says_how_to_see_where():
    message = _message(ValueError("operands could not be broadcast"))
    assert message.startswith("operands could not be broadcast (ValueError")
    assert "--debug" in message


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "Free some space."),
        (errno.EACCES, "Check the permissions."),
        (errno.ENOENT, "(a.csv)."),
    ],
)
def test_the_operating_system_is_quoted_with_fitting_advice(code, advice):
    message = _message(OSError(code, os.strerror(code), "a.csv"))
    assert message.startswith(f"{os.strerror(code)} (a.csv).")
    assert message.endswith(advice)


PROGRAM = """
import numpy as np
from experiments.runner import cli
cli.run(lambda: np.ones(2) + np.ones(3))
"""


@pytest.mark.parametrize("debug", [False, True])
def test_a_shape_error_has_a_traceback_with_debug(debug):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(["--debug"] if debug else [])],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 1
    assert "could not be broadcast" in done.stderr
    assert ("Traceback" in done.stderr) == debug
    assert ("--debug shows where" in done.stderr) != debug
