"""When a method has converged, read off the metrics of its runs."""

import json

import pytest

from experiments.tables.recommendation import convergence


def history(errors, seconds):
    return [
        {"epoch": number, "validation": error, "seconds": time}
        for number, (error, time) in enumerate(zip(errors, seconds, strict=True), 1)
    ]


def store(folder, errors, seconds, seed):
    folder.mkdir(parents=True)
    lines = [json.dumps(row) + "\n" for row in history(errors, seconds)]
    (folder / "metrics.jsonl").write_text("".join(lines))
    result = {
        "seed": seed,
        "method": "ant",
        "commit": "abc",
        "device": "cpu",
        "config": {"seed": seed, "data_dir": "somewhere", "features": 8, "l1": 1e-4},
    }
    (folder / "result.json").write_text(json.dumps(result))


def test_compiling_does_not_count():
    curves = convergence.curves(history([1.0, 0.9, 0.8], [30.0, 1.0, 3.0]))
    assert curves["seconds"] == [2.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("errors", "epoch"),
    [
        ([2.0, 1.02, 1.01, 1.0, 1.5], 3),
        ([1.0, 0.5], 2),
        ([1.005, 1.2, 1.0], 1),
    ],
)
def test_converged_is_within_a_hundredth_of_its_best(errors, epoch):
    assert convergence.converged({"validation": errors}) + 1 == epoch


def test_runs_are_read_by_row_and_seed_and_summed_up(tmp_path):
    store(tmp_path / "ant" / "0", [1.0, 0.5, 0.5], [9.0, 1.0, 1.0], 0)
    store(tmp_path / "ant" / "1", [1.0, 0.9, 0.5], [9.0, 2.0, 2.0], 1)
    store(tmp_path / "full" / "0", [0.4, 0.6], [9.0, 5.0], 0)
    store(tmp_path / "short" / "0", [0.4], [9.0], 0)
    (tmp_path / "unfinished" / "0").mkdir(parents=True)
    names = convergence.names(tmp_path)
    assert names == ["ant", "full"]
    methods = {name: convergence.read(tmp_path / name) for name in names}
    convergence.write(methods, tmp_path)
    content = json.loads((tmp_path / "results" / "convergence.json").read_text())
    ant, full = content["rows"]
    assert ant["epochs"]["mean"] == 2.5
    # Two epochs of a second, and three of two.
    assert ant["seconds"]["mean"] == pytest.approx((2 + 6) / 2)
    assert ant["seconds_per_epoch"]["mean"] == pytest.approx(1.5)
    assert (full["epochs"]["mean"], full["seconds"]["mean"]) == (1.0, 5.0)
    assert "somewhere" not in json.dumps(content)
    assert ant["config"] == {"features": 8}  # l1 is the default's
    assert (tmp_path / "docs" / "convergence.png").stat().st_size > 1000


def test_folders_without_runs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no finished run of some epochs"):
        convergence.names(tmp_path)
    with pytest.raises(ValueError, match="no finished run"):
        convergence.read(tmp_path / "ant")
    store(tmp_path / "ant" / "0", [1.0], [1.0], 0)
    with pytest.raises(ValueError, match="no second epoch"):
        convergence.read(tmp_path / "ant")
