import itertools
import json
import sys

import pytest

from benchmarks import epoch_vs_torch
from benchmarks.workload import Workload

SLOW = """
import itertools

def epochs(workload):
    return {"threads": 1}, itertools.cycle([9.0, 4.0, 6.0])
"""
FAST = """
import itertools

def epochs(workload):
    return {"threads": 2}, itertools.cycle([2.0, 1.0, 3.0])
"""
BROKEN = """
def epochs(workload):
    raise ValueError("no such table")
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Writes stub programs that a spawned process can import."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


def test_takes_the_median_of_alternating_epochs(stub):
    programs = {"torch": stub("slow", SLOW), "jax": stub("fast", FAST)}
    row = epoch_vs_torch.measure(Workload(32, None, num_ratings=60), 3, programs)
    assert row["torch"]["seconds"] == [9.0, 4.0, 6.0]
    assert row["torch"]["median_s"] == 6.0
    assert row["torch"]["ratings_per_s"] == 10.0
    assert row["jax"]["median_s"] == 2.0
    assert row["jax"]["threads"] == 2
    assert (row["method"], row["batch_size"]) == ("full", 32)


def test_a_program_that_fails_is_named(stub):
    programs = {"torch": stub("slow", SLOW), "jax": stub("broken", BROKEN)}
    with pytest.raises(RuntimeError, match="jax program ended early"):
        epoch_vs_torch.measure(Workload(32, None), 3, programs)


def test_writes_results_table_and_picture(tmp_path, monkeypatch, capsys):
    times = itertools.cycle([6.0, 2.0])

    def measure(workload, repetitions):
        row = {"method": workload.name, "batch_size": workload.batch_size}
        for name in ("torch", "jax"):
            median = next(times)
            row[name] = {"median_s": median, "ratings_per_s": 1e6 / median}
        return row

    monkeypatch.setattr(epoch_vs_torch, "measure", measure)
    out = tmp_path / "results" / "epoch.json"
    monkeypatch.setattr(sys, "argv", ["epoch_vs_torch", "--out", str(out)])
    epoch_vs_torch.main()
    result = json.loads(out.read_text())
    assert [row["ratio"] for row in result["rows"]] == [3.0] * 6
    assert {"commit", "device", "versions"} <= set(result)
    assert "| ANT 120/8 | 1024 | 6 | 2 | 3.0 |" in capsys.readouterr().out
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in out.parent.iterdir()) == ["epoch.json", "epoch.png"]


@pytest.mark.parametrize("flag", ["--repetitions", "--batch_sizes"])
def test_refuses_zero(flag, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["epoch_vs_torch", flag, "0"])
    with pytest.raises(SystemExit):
        epoch_vs_torch.main()
    assert "at least 1" in capsys.readouterr().err
