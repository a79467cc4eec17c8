import dataclasses
import json
import sys

import numpy as np
import pytest

from benchmarks import recommender_epoch
from benchmarks.programs import recommender
from benchmarks.turns import Timing
from benchmarks.workload import Workload
from experiments.data.synthetic import MOVIELENS_1M
from experiments.recommendation.configs import Config

# Medians of turns in this order: ANT, or ANT 5/5 and ANT 20/20, and the full table.
SECONDS = {
    "ant": [4.0, 3.0, 2.0],
    "full": [3.0, 2.0, 1.0],
    "full_dense": [9.0, 6.0, 7.0],
    "ant_5": [5.0],
    "ant_20": [8.0],
}


@pytest.fixture
def turns(monkeypatch):
    """Programs that are not run."""
    asked = []

    def take_turns(programs, enough):
        assert not enough([[60.0] * 2] * 3)
        assert enough([[60.0] * 3] * 3)
        asked.append(programs)
        return {
            name: Timing({"ratings": 6_000_000}, SECONDS[name], 3 * 2**29)
            for name in programs
        }

    monkeypatch.setattr(recommender_epoch, "take_turns", take_turns)
    return asked


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["recommender_epoch", *map(str, args)])
    recommender_epoch.main()


def test_writes_results_and_tables(turns, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "epoch.json"
    run(monkeypatch, "--seed", 7, "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert list(parts) == ["movielens_1m", "movielens_25m"]
    part = parts["movielens_1m"]
    assert {"commit", "device", "versions", "load_before"} <= set(part)
    assert part["seed"] == 7
    programs = part["rows"][0]["programs"]
    assert programs["ant"]["seconds"] == [4.0, 3.0, 2.0]
    assert programs["ant"]["times_as_long_as_full"] == 1.5
    assert programs["full_dense"]["ratings_per_s"] == pytest.approx(6e6 / 7)
    printed = capsys.readouterr().out
    assert "d = 16 | 256 | 3 | 2 | 7 | 1.50 | 0.43 |" in printed
    assert "| ANT 20/20 | 8 | 750,000 | 1.50 | 180 |" in printed
    assert [path.name for path in out.parent.iterdir()] == ["epoch.json"]


def test_programs_of_a_row_differ_in_their_method_alone(turns, tmp_path, monkeypatch):
    run(monkeypatch, "--seed", 7, "--out", tmp_path / "epoch.json")
    *small, large = turns
    assert [p["ant"].job.config.batch_size for p in small] == [256, 1024] * 3
    for programs in small:
        ant, full, dense = (
            dataclasses.asdict(programs[name].job.config)
            for name in ("ant", "full", "full_dense")
        )
        assert (ant.pop("method"), full.pop("method")) == ("ant", "full")
        assert dense.pop("method") == "full"
        assert ant == full == dense | {"lazy_rows": True}
        assert not dense["lazy_rows"]
        assert ant["seed"] == 7
    tuned = small[-1]["ant"].job
    assert (tuned.config.user_anchors, tuned.config.item_anchors) == (18, 18)
    assert (tuned.config.features, tuned.config.biases) == (8, True)
    assert tuned.skew == MOVIELENS_1M
    assert {p.job.skew.num_ratings for p in large.values()} == {25_000_095}


def test_measures_a_part_and_keeps_the_other(turns, tmp_path, monkeypatch):
    out = tmp_path / "epoch.json"
    run(monkeypatch, "--only", "movielens_25m", "--out", out)
    before = json.loads(out.read_text())["parts"]["movielens_25m"]
    run(monkeypatch, "--only", "movielens_1m", "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert set(parts) == {"movielens_1m", "movielens_25m"}
    assert parts["movielens_25m"] == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--repetitions", 0), "at least 1"),
        (("--seed", -1), "at least 1, and --seed 0"),
        (("--only", "a"), "invalid choice"),
    ],
)
def test_refuses_what_it_cannot_measure(args, message, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, *args)
    assert message in capsys.readouterr().err


def test_the_program_trains_whole_epochs():
    config = Config(features=3, user_anchors=2, item_anchors=2, batch_size=8)
    skew = MOVIELENS_1M.resized(30, 20, 200)
    description, seconds = recommender.on_generated_ratings(
        recommender.Job(config, skew)
    )
    assert (description["steps"], description["ratings"]) == (160 // 8, 160)
    assert all(next(seconds) > 0 for _ in range(2))


def test_a_workload_is_trained_as_it_is():
    workload = Workload(8, None, num_users=40, num_items=30, num_ratings=90, features=4)
    description, seconds = recommender.epochs(workload)
    assert (description["steps"], description["ratings"]) == (11, 90)
    assert next(seconds) > 0


def test_settings_and_sizes_of_a_workload():
    config = recommender.to_config(Workload(32, (15, 8)), lazy_rows=False)
    assert (config.method, config.user_anchors, config.item_anchors) == ("ant", 15, 8)
    assert (config.features, config.batch_size, config.l1) == (16, 32, 1e-4)
    assert (config.halving_steps, config.lazy_rows) == (100_000, False)
    assert recommender.to_config(Workload(32, None)).method == "full"
    prepared = recommender.as_prepared(43_500_000, 7)
    assert len(prepared.user_counts) == 43_500_000
    assert prepared.user_counts.strides == (0,)
    assert np.array_equal(prepared.item_counts, np.zeros(7))
