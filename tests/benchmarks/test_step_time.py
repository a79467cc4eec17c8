import importlib
import itertools
import json
import sys

import jax
import pytest

from benchmarks import step_time
from benchmarks.programs import timing
from benchmarks.step_time_report import report
from benchmarks.turns import Timing
from benchmarks.workload import Workload

TINY = Workload(8, (3, 2), num_users=40, num_items=30, features=4)


@pytest.fixture
def turns(monkeypatch):
    """Programs that are not run: each takes a millisecond longer than the last."""
    asked = []

    def take_turns(programs, enough):
        assert enough([[0.0] * 7])
        assert not enough([[0.0] * 6])
        asked.append(programs)
        return {
            name: Timing({"steps": 10}, [0.0, count / 100, 1.0], 3 * 2**30)
            for count, name in enumerate(programs, start=1)
        }

    monkeypatch.setattr(step_time, "take_turns", take_turns)
    return asked


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["step_time", *map(str, args)])
    step_time.main()


def test_writes_results_tables_and_picture(turns, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "step.json"
    run(monkeypatch, "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert list(parts) == list(step_time.PARTS)
    assert {"commit", "device", "versions", "load_before"} <= set(parts["torch"])
    row = parts["sizes"]["rows"][4]
    assert (row["name"], row["num_users"]) == ("MovieLens 25M", 162_541)
    assert row["programs"]["flax"]["step_s"] == pytest.approx(0.004)
    assert row["times_as_long_as_lazy"]["flax"] == pytest.approx(4)
    printed = capsys.readouterr().out
    assert "x 59,047 | 1024 | 10 | 1 | 2 | 3 | 4 | 2.0 | 4.0 |" in printed
    assert "| PyTorch, `Adam` | 4 | 4.0 |" in printed
    assert "| 20,000,000 | 6,666,666 | 1024 | 4 | 4.00 |" in printed
    assert "x 15,200,000 | 1024 | 8 | 1 | 1,024,000 | 3.00 |" in printed
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in out.parent.iterdir()) == ["step.json", "step.png"]


def test_programs_have_the_tables_of_the_row(turns, tmp_path, monkeypatch):
    run(monkeypatch, "--only", "torch", "--out", tmp_path / "step.json")
    large, small = turns
    anchors = {name: program.job.anchors for name, program in large.items()}
    assert anchors.pop("lazy") == (10, 10)
    assert set(anchors.values()) == {None}
    assert {program.job.anchors for program in small.values()} == {(15, 15)}
    assert {program.job.batch_size for program in small.values()} == {32}


def test_measures_a_part_and_keeps_the_others(turns, tmp_path, monkeypatch):
    out = tmp_path / "step.json"
    run(monkeypatch, "--only", "amazon", "--out", out)
    amazon = json.loads(out.read_text())["parts"]["amazon"]
    run(monkeypatch, "--only", "vocabulary", "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert set(parts) == {"amazon", "vocabulary"}
    assert parts["amazon"] == amazon


def test_a_part_that_fails_leaves_those_before_it(turns, tmp_path, monkeypatch):
    def fail(repetitions, memory):
        raise RuntimeError("The lazy program ended early; see above for why.")

    monkeypatch.setitem(step_time.PARTS, "amazon", fail)
    out = tmp_path / "step.json"
    with pytest.raises(RuntimeError, match="ended early"):
        run(monkeypatch, "--only", "vocabulary", "amazon", "--out", out)
    assert set(json.loads(out.read_text())["parts"]) == {"vocabulary"}


def test_what_does_not_fit_in_memory_is_left_out(turns):
    workload = step_time.with_rows(10_000_000)
    names = ("lazy", "dense", "lazy_full", "flax")
    row = step_time.compare("large", workload, names, 7, memory=10 * 2**30)
    assert list(turns[0]) == ["lazy", "dense", "lazy_full"]
    assert row["programs"]["flax"]["skipped"] == "needs 4.0 GiB, 2.4 left"
    parts = {name: {"rows": [row]} for name in step_time.PARTS}
    assert "| 1024 | 10 | 1 | 2 | 3 | - | 2.0 | - |" in report(parts)


@pytest.mark.parametrize(
    ("args", "message"),
    [(("--repetitions", 0), "at least 1"), (("--only", "a"), "invalid choice")],
)
def test_refuses_what_it_cannot_measure(args, message, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, *args)
    assert message in capsys.readouterr().err


# Each function once; equal entries differ in their job only.
@pytest.mark.parametrize("entry", sorted({e for e, _ in step_time.PROGRAMS.values()}))
def test_every_program_takes_turns(entry, monkeypatch):
    if "torch" in entry:
        reason = "PyTorch comes with `make bench`, not with `make test`"
        pytest.importorskip("torch", reason=reason)
        monkeypatch.setattr("benchmarks.programs.torch_steps._TRIAL_RATINGS", 50)
    # A turn as long as the trial is compiled once.
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(timing, "_TRIAL_STEPS", 2)
    monkeypatch.setattr("benchmarks.programs.ours._MOST_STEPS", 100)
    module, _, function = entry.partition(":")
    # optax's Yogi multiplies integers by floats.
    with jax.numpy_dtype_promotion("standard"):
        description, seconds = getattr(importlib.import_module(module), function)(TINY)
        assert description["steps"] == 2
        assert description["threads"] >= 1
        assert all(time > 0 for time in itertools.islice(seconds, 2))
