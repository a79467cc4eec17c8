"""Peak memory of a process."""

import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest

from experiments.runner.memory import peak_rss_bytes

ROOT = pathlib.Path(__file__).parents[3]
linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc on Linux")


def run_python(code):
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "from experiments.runner.memory import peak_rss_bytes\n" + code,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


def test_rises_by_what_was_held():
    size = 200 << 20
    rise = run_python(
        f"""
before = peak_rss_bytes()
held = bytearray(b"1") * {size}
del held
print(peak_rss_bytes() - before)
"""
    )
    assert rise == pytest.approx(size, rel=0.1)


@linux
def test_is_not_that_of_the_parent():
    held = np.ones(200 << 20, np.uint8)
    assert 2**20 < run_python("print(peak_rss_bytes())") < held.nbytes // 2


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_without_proc(platform, unit, monkeypatch):
    def refuse(path):
        raise FileNotFoundError

    monkeypatch.setattr(pathlib.Path, "read_text", refuse)
    monkeypatch.setattr(sys, "platform", platform)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak_rss_bytes() == peak * unit
