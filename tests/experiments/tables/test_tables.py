"""Tables that are written into documents."""

import json

import pytest

from experiments.recommendation.configs import CONFIGS
from experiments.tables import lazy_rows, movielens_1m


def run_of(seed, value, config):
    return {
        "seed": seed,
        "value": value,
        "validation": value,
        "before_pruning": {"validation": value, "emb_params": 20_000},
        "emb_params": 10_000 + seed,
        "emb_bytes": 50_000,
        "dense_params": 155_936,
        "epochs": 10,
        "best_epoch": 8,
        "wall_s": 50.0,
        "examples_per_s": 1e5,
        "peak_rss_bytes": 10**9,
        "commit": "abc",
        "device": "cpu",
        "config": {"seed": seed, "data_dir": "somewhere", "features": 16, **config},
    }


def test_a_row_is_mean_and_deviation_beside_the_published_figure():
    runs = [run_of(seed, 0.75 + seed / 100, {}) for seed in range(3)]
    row = movielens_1m.summarize("ant_15_15", runs)
    assert row["published_mse"] == 0.786
    assert row["published_emb_params"] == 29_200
    assert row["mse"]["mean"] == pytest.approx(0.76)
    assert row["mse"]["deviation"] == pytest.approx(0.01)
    assert "data_dir" not in json.dumps(row)
    line = movielens_1m.markdown([row]).splitlines()[-1]
    assert "15/15" in line
    assert "0.7600 ± 0.0100" in line
    assert "10.0K" in line


def test_every_row_has_a_config_and_a_published_figure():
    published = movielens_1m.published()
    for row in movielens_1m.ROWS:
        assert f"movielens_1m_{row}" in CONFIGS
        assert row in published


def test_tables_go_between_their_markers(tmp_path):
    runs = [run_of(seed, 0.75, {}) for seed in range(3)]
    table = [movielens_1m.summarize(row, runs) for row in movielens_1m.ROWS]
    mark = "a\n<!-- movielens_1m:begin -->\nold\n<!-- movielens_1m:end -->\nb\n"
    (tmp_path / "experiments" / "recommendation").mkdir(parents=True)
    for name in ("README.md", "experiments/recommendation/README.md"):
        (tmp_path / name).write_text(mark)
    movielens_1m.write_table(table, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("a\n")
    assert text.endswith("b\n")
    assert "old" not in text
    assert "120/8" in text
    stored = json.loads((tmp_path / "results" / "movielens_1m.json").read_text())
    assert next(row["name"] for row in stored["rows"]) == "full table"
    assert (tmp_path / "docs" / "movielens_1m.png").stat().st_size > 1000
    (tmp_path / "README.md").write_text("no markers")
    with pytest.raises(ValueError, match="must hold"):
        movielens_1m.write_table(table, tmp_path)


def test_lazy_and_dense_runs_stand_beside_each_other(tmp_path):
    readme = tmp_path / "experiments" / "recommendation" / "README.md"
    readme.parent.mkdir(parents=True)
    readme.write_text("<!-- lazy_rows:begin -->\n<!-- lazy_rows:end -->\n")
    runs = {"lazy": run_of(0, 0.75, {}), "dense": run_of(0, 0.7501, {})}
    lazy_rows.write_table(runs, tmp_path)
    stored = json.loads((tmp_path / "results" / "lazy_rows.json").read_text())
    assert stored["difference"] == pytest.approx(-1e-4)
    assert "| dense | 0.750100 | 10,000 | 10 | 100,000 |" in readme.read_text()
