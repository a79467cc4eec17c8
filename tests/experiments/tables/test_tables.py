"""Tables that are written into documents."""

import json

import pytest
from absl import flags

from experiments.recommendation.configs import Config
from experiments.tables import (
    ablation,
    lazy_rows,
    pareto,
    ratings_table,
    recommendation,
    rivals,
    runs,
)


def result_of(config, seed=0, value=0.75):
    """A result of a run of this config, each budget met and 0.01 worse a step."""
    limits = config.limits
    budgets = [
        {
            "value": value + index / 100,
            "validation": value + index / 100,
            "emb_params": limit,
            "emb_bytes": 6 * limit,
        }
        for index, limit in enumerate(limits)
    ]
    last = {
        "value": value,
        "validation": value,
        "emb_params": 10_000 + seed,
        "emb_bytes": 50_000,
    }
    return {
        "method": config.method,
        "seed": seed,
        **(budgets[-1] if budgets else last),
        "budgets": budgets,
        "anchors": {"users": 8, "items": 8} if config.method == "nbant" else {},
        "before_pruning": {"validation": value, "emb_params": 20_000},
        "dense_params": 155_936,
        "dropped": None,
        "epochs": 10,
        "best_epoch": 8,
        "wall_s": 50.0,
        "examples_per_s": 1e5,
        "peak_rss_bytes": 10**9,
        "commit": "abc",
        "device": "cpu",
        "config": {
            "seed": seed,
            "data_dir": "somewhere",
            "budgets": config.budgets,
            "features": config.features,
        },
    }


def results_of(rows):
    return {
        row: [result_of(config, seed, 0.75 + seed / 100) for seed in range(3)]
        for row, config in rows.items()
    }


def readme_with(root, *names):
    readme = root / "experiments" / "recommendation" / "README.md"
    readme.parent.mkdir(parents=True, exist_ok=True)
    readme.write_text(
        "".join(f"a\n<!-- {n}:begin -->\nold\n<!-- {n}:end -->\nb\n" for n in names)
    )
    return readme


@pytest.mark.parametrize("dataset", ["movielens_1m", "epinions"])
def test_a_line_is_mean_and_deviation_beside_the_published_figure(dataset, tmp_path):
    readme = readme_with(tmp_path, dataset)
    (tmp_path / "README.md").write_text(readme.read_text())
    results = results_of(ratings_table.rows(dataset))
    table = ratings_table.summarize(dataset, results)
    ratings_table.write_table(dataset, table, results, tmp_path)
    text = readme.read_text()
    assert "old" not in text
    assert "0.7600 ± 0.0100" in text
    stored = json.loads((tmp_path / "results" / f"{dataset}.json").read_text())
    assert "data_dir" not in json.dumps(stored)
    assert {line["row"] for line in stored["lines"]} <= set(stored["rows"])
    if dataset == "movielens_1m":
        assert "| ANT 15/15 | 0.786 | 29.2K | 0.7600" in text
        # The second budget of three is 0.01 worse than the first, at its own size.
        assert "| ANT, tuned | 0.786 | 29.2K | 0.7700 ± 0.0100 | 29.2K" in text
        assert "ANT 15/15" not in (tmp_path / "README.md").read_text()
        assert (tmp_path / "docs" / "movielens_1m.png").stat().st_size > 1000


def test_every_line_has_a_row_and_every_row_of_mixdim_its_published_line():
    for dataset in ("movielens_1m", "epinions"):
        rows = ratings_table.rows(dataset)
        for line in ratings_table.lines(dataset):
            assert line.row in rows
            if line.budget is not None:
                assert line.budget in rows[line.row].limits
    published = ratings_table.published()
    for line in ratings_table.lines("movielens_1m"):
        if line.label.startswith("MixDim"):
            config = ratings_table.rows("movielens_1m")[line.row]
            setting = published[line.published]["settings"]
            assert f"alpha={config.mixed_temperature}" in setting
            assert setting.endswith(f"k={config.mixed_blocks}")
            assert f"d={config.mixed_first} " in setting


def test_the_front_and_the_best_rival_within_a_budget():
    def point(method, size, value):
        summary = {"mean": value, "deviation": 0.0}
        sizes = {"mean": size, "deviation": 0.0}
        return {
            "row": method,
            "method": method,
            "budget": None,
            "value": summary,
            "emb_params": sizes,
            "emb_bytes": sizes,
        }

    found = [
        point("ant", 10, 0.8),
        point("full", 10, 0.9),
        point("full", 20, 0.75),
        point("ant", 20, 0.7),
        point("hashing", 15, 0.85),
    ]
    front = pareto.on_front(found)
    assert [(p["method"], p["emb_params"]["mean"]) for p in front] == [
        ("ant", 10),
        ("ant", 20),
    ]
    small, large = pareto.at_budgets(found)
    assert (small["ant"]["value"]["mean"], small["rival"]["value"]["mean"]) == (
        0.8,
        0.9,
    )
    assert large["rival"]["method"] == "full"
    assert pareto.best_within(found, 5) is None


def test_all_methods_are_in_the_picture(tmp_path):
    rows = rivals.rows("movielens_1m")
    readme = readme_with(tmp_path, "pareto_movielens_1m")
    results = results_of(rows)
    found = pareto.points(results)
    methods = {point["method"] for point in found}
    assert methods == {
        *("ant", "full", "low_rank", "mixed_dimension", "hashing"),
        *("quotient_remainder", "sparse_cbow", "slimming"),
    }
    assert sum(point["row"] == "ant" for point in found) == len(rows["ant"].limits)
    pareto.write("movielens_1m", found, results, tmp_path)
    stored = json.loads((tmp_path / "results/pareto_movielens_1m.json").read_text())
    assert set(stored["rows"]) == set(rows)
    assert (tmp_path / "docs/pareto_movielens_1m.png").stat().st_size > 1000
    assert "| 59.4K | 0.7600 ± 0.0100 |" in readme.read_text()


def test_an_ablation_shows_the_validation_split_only(tmp_path):
    rows = ablation.rows()
    readme = readme_with(tmp_path, "ablation")
    results = results_of(rows)
    ablation.write_table(ablation.summarize(results), results, tmp_path)
    stored = json.loads((tmp_path / "results" / "ablation.json").read_text())
    assert '"value"' not in json.dumps(stored["rows"])
    assert "| no refit | 0.7600 | 0.7700 | 0.7800 |" in readme.read_text()


@pytest.fixture
def values(tmp_path):
    """Flags of a program that makes a table, for one test."""
    values = flags.FlagValues()
    flags.DEFINE_string("data_dir", None, "", flag_values=values)
    flags.DEFINE_string("cache_dir", str(tmp_path / "cache"), "", flag_values=values)
    flags.DEFINE_string("workdir", str(tmp_path / "runs"), "", flag_values=values)
    flags.DEFINE_list("seeds", ["0"], "", flag_values=values)
    flags.DEFINE_list("rows", [], "", flag_values=values)
    values.mark_as_parsed()
    return values


def test_runs_are_shared_waited_for_and_not_trained_twice(
    values, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(runs.flags, "FLAGS", values)
    trained = []

    def train(config, folder, mode, cache_dir):
        if folder.parent.name == "busy" and not trained.count("b"):
            raise runs.training.BusyError("another process")
        path = folder / "result.json"
        if not path.exists():
            trained.append(folder.parent.name)
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(result_of(config, config.seed)))
        return json.loads(path.read_text())

    monkeypatch.setitem(runs._PROGRAMS, Config, train)
    rows = {"a": Config(), "busy": Config()}
    assert runs.train_rows(rows) is None
    assert "waits for" in capsys.readouterr().out
    trained.append("b")
    results = runs.train_rows(rows)
    assert results is not None
    assert trained == ["a", "b", "busy"]
    assert results["a"][0]["emb_params"] == 10_000

    def collapse(config, folder, mode, cache_dir):
        if folder.parent.name == "busy":
            folder.mkdir(parents=True, exist_ok=True)
            raise runs.training.CollapsedError("all zero")
        return train(config, folder, mode, cache_dir)

    monkeypatch.setitem(runs._PROGRAMS, Config, collapse)
    with pytest.raises(runs.training.CollapsedError):
        runs.train_rows(rows)
    assert list(runs.train_rows(rows, may_collapse=True) or ()) == ["a"]
    assert list(runs.train_rows(rows) or ()) == ["a"]

    values.rows = ["nothing"]
    with pytest.raises(ValueError, match="Unknown row 'nothing'; known ones: a, busy"):
        runs.train_rows(rows)


def test_one_command_runs_every_program_of_a_table(monkeypatch):
    values = flags.FlagValues()
    for name in ("movielens_1m", "epinions", "cache_dir", "workdir"):
        flags.DEFINE_string(name, name, "", flag_values=values)
    values.mark_as_parsed()
    monkeypatch.setattr(recommendation.flags, "FLAGS", values)
    commands = recommendation.commands()
    assert len({command[0] for command in commands}) == 8
    assert "--data_dir=movielens_1m" in commands[0]
    assert "--data_dir=epinions" in commands[1]
    made = {part.partition("=")[2] for command in commands for part in command}
    read = [part for command in commands for part in command if "--runs=" in part]
    assert read
    assert {part.partition("=")[2] for part in read} <= made


def test_lazy_and_dense_runs_stand_beside_each_other(tmp_path):
    readme = readme_with(tmp_path, "lazy_rows")
    lazy, dense = (result_of(Config(), 0, value) for value in (0.75, 0.7501))
    lazy_rows.write_table({"lazy": lazy, "dense": dense}, tmp_path)
    stored = json.loads((tmp_path / "results" / "lazy_rows.json").read_text())
    assert stored["difference"] == pytest.approx(-1e-4)
    assert "| dense | 0.750100 | 10,000 | 10 | 100,000 |" in readme.read_text()
