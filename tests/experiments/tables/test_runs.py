"""Runs that several processes share, and what a result file keeps of them."""

import dataclasses
import json

import pytest

from experiments.recommendation.configs import Config, tuned_ant
from experiments.recommendation.task import Recommendation
from experiments.runner.errors import BusyError, CollapsedError
from experiments.tables import program, runs
from experiments.tables.points import make_points, reference


@pytest.fixture
def values(tmp_path, monkeypatch, flag_values):
    """Flags of a program that makes a table, for one test."""
    values = flag_values(
        ("data_dir", "cache_dir", "workdir"),
        ("seeds", "rows"),
        cache_dir=str(tmp_path / "cache"),
        workdir=str(tmp_path / "runs"),
        seeds=["0"],
    )
    monkeypatch.setattr(runs.flags, "FLAGS", values)
    return values


def test_runs_are_shared_waited_for_and_not_trained_twice(
    values, monkeypatch, capsys, make_result
):
    trained = []

    def train(task, config, folder, mode, cache_dir):
        assert (task, mode) == (Recommendation, "resume")
        if folder.parent.name == "busy" and not trained.count("b"):
            raise BusyError("another process")
        path = folder / "result.json"
        if not path.exists():
            trained.append(folder.parent.name)
            path.parent.mkdir(parents=True)
            result = make_result(task, config, config.seed, 0.75, 0.01)
            path.write_text(json.dumps(result))
        return json.loads(path.read_text())

    def train_rows(**options):
        rows = {"a": Config(), "busy": Config()}
        return runs.train_rows(Recommendation, rows, **options)

    monkeypatch.setattr(runs, "train_and_evaluate", train)
    assert train_rows() is None
    assert "waits for" in capsys.readouterr().out
    trained.append("b")
    results = train_rows()
    assert results is not None
    assert trained == ["a", "b", "busy"]
    assert results["a"][0]["emb_params"] == 1_000_000

    def collapse(task, config, folder, mode, cache_dir):
        if folder.parent.name == "busy":
            folder.mkdir(parents=True, exist_ok=True)
            raise CollapsedError("all zero")
        return train(task, config, folder, mode, cache_dir)

    monkeypatch.setattr(runs, "train_and_evaluate", collapse)
    with pytest.raises(CollapsedError):
        train_rows()
    assert list(train_rows(may_collapse=True) or ()) == ["a"]
    assert list(train_rows() or ()) == ["a"]

    values.rows = ["nothing"]
    with pytest.raises(ValueError, match="Unknown row 'nothing'; known ones: a, busy"):
        train_rows()


def test_a_result_file_keeps_what_differs_from_the_defaults(make_result):
    config = tuned_ant(budgets=(20_000, 10_000))
    results = {
        "ant": [make_result(Recommendation, config, s, 0.75, 0.25) for s in (0, 1)]
    }
    kept = json.loads(json.dumps(runs.recorded(Recommendation, results)))
    row = kept["rows"]["ant"]
    assert row["config"] == json.loads(json.dumps(config.changes()))
    assert row["config"]["budgets"] == [20_000, 10_000]
    whole = json.loads(json.dumps(dataclasses.asdict(config)))
    for name in ("seed", "data_dir"):
        whole.pop(name)
    assert kept["defaults"] | row["config"] == whole
    # What `result.json` says of the last budget is among the budgets.
    first = row["runs"][0]
    assert [stage["value"] for stage in first["budgets"]] == [0.75, 1.0]
    assert not {"value", "emb_params", "dropped", "anchors"} & set(first)
    assert (first["seed"], first["commit"], first["best_epoch"]) == (0, "abc", 8)


def test_a_run_without_budgets_keeps_its_own_numbers(make_result):
    result = make_result(Recommendation, Config(), 0, 0.7, 0.1)
    kept = runs.recorded(Recommendation, {"ant": [result]})["rows"]["ant"]
    assert kept["config"] == {}
    assert kept["runs"][0]["value"] == 0.7
    assert "budgets" not in kept["runs"][0]


def test_a_point_is_a_row_at_a_budget_over_the_seeds(make_result):
    config = tuned_ant(budgets=(20_000, 10_000))
    results = {
        "ant": [
            make_result(Recommendation, config, s, 0.7 + s / 10, 0.1) for s in (0, 2)
        ],
        "full": [make_result(Recommendation, Config(method="full"), 0, 0.9, 0.1)],
    }
    points = make_points(results, lambda result: result["method"].upper())
    assert [reference(point) for point in points] == [
        {"row": "ant", "budget": 20_000},
        {"row": "ant", "budget": 10_000},
        {"row": "full", "budget": None},
    ]
    assert reference(None) is None
    assert points[1]["value"]["mean"] == pytest.approx(0.9)
    assert points[1]["value"]["deviation"] == pytest.approx(0.2 / 2**0.5)
    assert points[1]["emb_params"] == {"mean": 10_000, "deviation": 0}
    assert points[1]["wall_s"]["mean"] == 21.0
    assert [point["line"] for point in points] == ["ANT", "ANT", "FULL"]
    assert points[2]["value"] == {"mean": 0.9, "deviation": 0.0}


def test_a_table_is_stored_and_published_or_published_from_its_file(
    publisher, monkeypatch, flag_values
):
    published, measured = [], [None, [1.5]]
    values = flag_values(booleans=("from_results",))
    monkeypatch.setattr(program.flags, "FLAGS", values)
    monkeypatch.setattr(program.document, "ROOT", publisher.root)

    def main():
        program.main(
            "numbers",
            measured.pop,
            lambda numbers: {"numbers": numbers},
            lambda content, root: published.append((content, root)),
        )

    main()
    assert publisher.stored("numbers") == {"numbers": [1.5]}
    assert published == [({"numbers": [1.5]}, publisher.root)]
    main()  # another process is still at it
    assert len(published) == 1
    values.from_results = True
    main()  # would fail if it measured
    assert published[1] == published[0]
