"""Whole runs on a small data set, in this process."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from ant_jax import compact, training
from experiments.recommendation import train
from experiments.recommendation.configs import CONFIGS, Config
from experiments.recommendation.input_pipeline import split_ratings

SMALL = Config(
    dataset="csv",
    features=4,
    user_anchors=6,
    item_anchors=6,
    l1=1e-4,
    batch_size=16,
    epochs=3,
    halving_steps=0,
)


def run(config, ratings_file, folder, **options):
    config = dataclasses.replace(config, data_dir=str(ratings_file))
    options.setdefault("devices", jax.local_devices()[:1])
    return train.train_and_evaluate(
        config, folder, cache_dir=str(ratings_file.parent / "cache"), **options
    )


@pytest.mark.parametrize(
    "changes",
    [{"method": "ant"}, {"method": "ant", "biases": True}, {"method": "full"}],
)
def test_a_run_learns_and_ships_what_it_evaluated(changes, ratings_file, tmp_path):
    config = dataclasses.replace(SMALL, epochs=12, **changes)
    result = run(config, ratings_file, tmp_path)

    rows = training.read_metrics(tmp_path / "metrics.jsonl")
    assert len(rows) == result["epochs"]
    assert rows[-1]["train_loss"] < 0.6 * rows[0]["train_loss"]
    best = min(row["validation"] for row in rows)
    assert result["before_pruning"]["validation"] == best
    assert result["validation"] <= best * (1 + config.prune_tolerance)
    assert json.loads((tmp_path / "result.json").read_text()) == result
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert result["dense_params"] == 100 * (4 + config.biases)
    fields = "task dataset method metric value split emb_params emb_bytes dense_params"
    fields += " seed epochs wall_s examples_per_s peak_rss_bytes device commit"
    assert set(fields.split()) <= set(result)

    # The test error again, from the shipped files alone and with NumPy alone.
    model = json.loads((tmp_path / "artifact" / "model.json").read_text())
    tables = {
        name: compact.load(tmp_path / "artifact" / file)
        for name, file in model["tables"].items()
    }
    ratings = train.load_ratings("csv", str(ratings_file), str(tmp_path / "cache"))
    test = split_ratings(ratings, config.seed).test
    predicted = np.sum(
        tables["users"].lookup(test.users) * tables["items"].lookup(test.items), axis=-1
    )
    predicted += model["bias"]
    if config.biases:
        predicted += tables["user_bias"].lookup(test.users)[:, 0]
        predicted += tables["item_bias"].lookup(test.items)[:, 0]
    error = np.mean(np.square(predicted - test.ratings))
    np.testing.assert_allclose(result["value"], error, rtol=1e-5)
    stored = sum(table.num_params for table in tables.values())
    assert result["emb_params"] == stored


@pytest.mark.parametrize(
    "changes", [{"biases": True, "l1_warmup_steps": 300}, {"method": "full"}]
)
def test_lazy_rows_give_the_result_of_the_dense_optimizer(
    changes, ratings_file, tmp_path
):
    config = dataclasses.replace(SMALL, epochs=6, **changes)
    lazy = run(config, ratings_file, tmp_path / "lazy")
    dense = run(
        dataclasses.replace(config, lazy_rows=False), ratings_file, tmp_path / "dense"
    )
    np.testing.assert_allclose(lazy["value"], dense["value"], rtol=1e-4)
    assert abs(lazy["emb_params"] - dense["emb_params"]) <= 2
    assert lazy["epochs"] == dense["epochs"]


def test_a_limit_on_the_size_is_met_and_refitted(ratings_file, tmp_path):
    config = dataclasses.replace(SMALL, epochs=8, max_emb_params=150)
    limited = run(config, ratings_file, tmp_path / "limited")
    assert 140 <= limited["emb_params"] <= 150
    assert limited["before_pruning"]["emb_params"] > 200
    config = dataclasses.replace(config, refit_epochs=0)
    pruned_only = run(config, ratings_file, tmp_path / "pruned_only")
    assert pruned_only["emb_params"] == 150
    assert limited["validation"] < pruned_only["validation"]


def test_one_and_eight_devices_give_the_same_result(ratings_file, tmp_path):
    one = run(SMALL, ratings_file, tmp_path / "one")
    eight = run(SMALL, ratings_file, tmp_path / "eight", devices=jax.local_devices())
    assert eight["device"].startswith("8 x cpu")
    np.testing.assert_allclose(one["value"], eight["value"], rtol=1e-4)
    assert abs(one["emb_params"] - eight["emb_params"]) <= 5


def test_a_collapse_is_said_in_words(ratings_file, tmp_path):
    config = dataclasses.replace(SMALL, l1=10.0)
    with pytest.raises(training.CollapsedError, match="no gradient can bring one back"):
        run(config, ratings_file, tmp_path)


def test_a_rate_that_is_too_high_stops_at_its_step(ratings_file, tmp_path):
    config = dataclasses.replace(SMALL, learning_rate=1e30, method="full")
    with pytest.raises(training.DivergedError, match=r"at step \d+.*lower the"):
        run(config, ratings_file, tmp_path)
    assert not (tmp_path / "result.json").exists()


def test_a_finished_run_is_not_trained_again_on_resume(ratings_file, tmp_path):
    result = run(SMALL, ratings_file, tmp_path)
    again = run(SMALL, ratings_file, tmp_path, mode="resume")
    assert again == result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "Unknown method 'magic'; known ones: ant, full"),
        ({"metric": "magic"}, "metric must be"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"l1": -1.0}, "l1 must be"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"seed": -1}, "seed must be"),
        ({"slot_dtype": "float16"}, "slot_dtype must be float32 or bfloat16"),
        ({"slot_dtype": "bfloat16", "lazy_rows": False}, "needs lazy rows"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **changes)


def test_the_published_settings_are_those_of_tables_10_and_14():
    for name, config in CONFIGS.items():
        if name.startswith("movielens_1m"):
            assert (config.batch_size, config.features, config.l1) == (32, 16, 1e-4)
            assert (config.learning_rate, config.halving_steps) == (0.01, 100_000)
