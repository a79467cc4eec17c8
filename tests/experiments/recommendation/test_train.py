"""Whole runs on a small data set, in this process."""

import functools
import json

import jax
import numpy as np
import pytest

from ant_jax import compact
from experiments.recommendation.configs import METHODS
from experiments.runner.errors import CollapsedError, DivergedError
from experiments.runner.metrics import read_metrics

pytestmark = pytest.mark.usefixtures("quick_compilation")


# What takes longer than two epochs to learn.
CHANGES = {
    "anchor_mixture": {"epochs": 5, "table_stddev": 0.5},
    # Noise of its own for every rating takes longer to average out.
    "cluster": {
        "epochs": 16,
        "patience": 16,
        "clusters": 30,
        "table_stddev": 1.0,
        "learning_rate": 0.2,
        "halving_steps": 600,
        "temperature": 0.3,
    },
}


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """Result and folder of a run of each method, trained when it is first asked for."""

    @functools.cache
    def trained(method):
        folder = tmp_path_factory.mktemp(method)
        return run(folder, method=method, **CHANGES.get(method, {})), folder

    return trained


@pytest.fixture(scope="module")
def test_split(ratings_file):
    """Names of users and items, and ratings: the last tenth of a permutation."""
    rows = [line.split(",") for line in ratings_file.read_text().split()[1:]]
    order = np.random.default_rng(0).permutation(len(rows))[2160:]
    users, items, ratings = zip(*(rows[n] for n in order), strict=True)
    return users, items, np.float64(ratings)


def read(folder):
    """The description and the tables of what a run shipped, without JAX."""
    model = json.loads((folder / "model.json").read_text())
    files = model["tables"].items()
    return model, {name: compact.load(folder / file) for name, file in files}


def error_of(folder, test_split):
    """The test error from the shipped files alone, with NumPy alone."""
    model, tables = read(folder)
    users, items, ratings = test_split
    left = tables["users"].lookup(tables["users"].ids(users))
    right = tables["items"].lookup(tables["items"].ids(items))
    predicted = np.full(len(ratings), model["bias"])
    if model["biases"]:
        predicted += left[:, -1] + right[:, -1]
        left, right = left[:, :-1], right[:, :-1]
    predicted += np.sum(left * right, axis=1)
    return np.mean(np.square(predicted - ratings))


def bytes_of(folder):
    """Bytes of the tables in the folder, without the names of users and items."""
    parts = [table.sizes.parts.items() for table in read(folder)[1].values()]
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return files - sum(n for ps in parts for part, n in ps if part.startswith("vocab"))


# One method for every way in which tables are trained, and shipped; all in the slow
# tests.
QUICK = ("ant", "nbant", "full", "cluster_adjustment", "sparse_cbow")
CASES = [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in METHODS]


@pytest.mark.parametrize("method", CASES)
def test_every_method_learns_and_ships_what_it_evaluated(method, trained, test_split):
    result, folder = trained(method)
    rows = read_metrics(folder / "metrics.jsonl")
    assert len(rows) == result["epochs"] == result["config"]["epochs"]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    # Better than the mean of all ratings.
    assert result["value"] < 0.9 * np.var(test_split[2])
    np.testing.assert_allclose(
        result["value"], error_of(folder / "artifact", test_split), rtol=1e-5
    )

    _, tables = read(folder / "artifact")
    shipped = {"nbant": "ant", "most_frequent": "selected"}.get(method, method)
    assert {table.method for table in tables.values()} == {shipped}
    stored = sum(table.num_params for table in tables.values())
    assert result["emb_params"] == stored
    assert result["emb_bytes"] == bytes_of(folder / "artifact")
    assert result["dense_params"] == 100 * 5
    assert json.loads((folder / "result.json").read_text()) == result
    assert (folder / "curves.png").stat().st_size > 1000
    fields = "task dataset method metric value split emb_params emb_bytes dense_params"
    fields += " seed epochs wall_s examples_per_s peak_rss_bytes device commit budgets"
    assert set(fields.split()) <= set(result)
    assert result["budgets"] == []
    assert result["dropped"] is None
    assert (result["clusters"] is not None) == ("cluster" in method)
    if method == "nbant":
        return
    best = min(row["validation"] for row in rows)
    np.testing.assert_allclose(result["before_pruning"]["validation"], best, rtol=1e-6)
    assert result["validation"] <= best * 1.001


def test_nbant_ships_the_anchors_of_its_best_epoch(trained):
    result, folder = trained("nbant")
    rows = read_metrics(folder / "metrics.jsonl")
    # The published controller always grows after the first two epochs.
    counts = [(row["anchors_users"], row["anchors_items"]) for row in rows]
    assert counts == [(6, 6), (7, 7)]
    best = min(rows, key=lambda row: row["objective"])
    assert result["best_epoch"] == best["epoch"]
    anchors = {"users": best["anchors_users"], "items": best["anchors_items"]}
    assert result["anchors"] == anchors
    # Those of the epoch are those of the model before it was pruned.
    before = result["before_pruning"]["emb_params"]
    assert before == best["emb_params"] == 5 * sum(anchors.values()) + best["non_zeros"]
    config = result["config"]
    price = config["anchor_cost"] - config["l1"]
    expected = best["validation"] + config["l1"] * best["non_zeros"]
    expected += price * sum(anchors.values())
    np.testing.assert_allclose(best["objective"], expected, rtol=1e-5)


def test_only_methods_with_anchors_say_how_many(trained):
    assert trained("ant")[0]["anchors"] == {"users": 6, "items": 6}
    assert trained("full")[0]["anchors"] == {}


@pytest.mark.parametrize("method", ["ant", "nbant", "full"])
def test_lazy_rows_give_the_result_of_the_dense_optimizer(
    method, trained, run, tmp_path
):
    lazy, _ = trained(method)
    dense = run(tmp_path, method=method, lazy_rows=False)
    np.testing.assert_allclose(lazy["value"], dense["value"], rtol=1e-4)
    assert abs(lazy["emb_params"] - dense["emb_params"]) <= 2
    assert lazy["anchors"] == dense["anchors"]
    assert lazy["epochs"] == dense["epochs"]


@pytest.mark.slow
def test_one_and_eight_devices_give_the_same_result(trained, run, tmp_path):
    one, _ = trained("ant")
    eight = run(tmp_path, devices=jax.local_devices())
    assert eight["device"].startswith("8 x cpu")
    np.testing.assert_allclose(one["value"], eight["value"], rtol=1e-4)
    assert abs(one["emb_params"] - eight["emb_params"]) <= 5


def test_a_finished_run_is_not_trained_again_on_resume(trained, run):
    result, folder = trained("ant")
    assert run(folder, mode="resume", method="ant") == result


def test_budgets_are_met_one_after_another(run, trained, tmp_path, test_split):
    result = run(
        tmp_path,
        budgets=(330, 200),
        prune_by="curvature",
        prune_ratio=1.4,
        refit_epochs=2,
        refit_l1=1e-5,
    )
    assert result["before_pruning"]["emb_params"] > 400
    first, last = result["budgets"]
    assert 300 < first["emb_params"] <= 330
    assert 180 < last["emb_params"] <= 200
    assert first["emb_bytes"] > last["emb_bytes"]
    assert first["validation"] < last["validation"]
    assert {key: result[key] for key in last} == last
    # The last is shipped where a run without budgets is, the others beside it.
    for row, folder in ((first, "artifact/330"), (last, "artifact")):
        _, tables = read(tmp_path / folder)
        assert row["emb_params"] == sum(t.num_params for t in tables.values())
        assert row["emb_bytes"] == bytes_of(tmp_path / folder)
        error = error_of(tmp_path / folder, test_split)
        np.testing.assert_allclose(row["value"], error, rtol=1e-5)
    full, _ = trained("full")
    assert last["emb_bytes"] < full["emb_bytes"]


@pytest.mark.slow
def test_other_penalties_and_a_warm_start(run, tmp_path, test_split):
    result = run(
        tmp_path,
        penalty="minimax_concave",
        concavity=100.0,
        penalty_power=0.5,
        biases=False,
        anchors_start="signed_basis",
        user_anchors=8,
        item_anchors=8,
        warm_start_epochs=1,
        refit_epochs=0,
        prune_tolerance=0.0,
    )
    assert result["value"] < 0.9 * np.var(test_split[2])
    nonzeros = result["before_pruning"]["emb_params"] - 4 * 16
    assert 100 < nonzeros < 0.9 * 100 * 8
    np.testing.assert_allclose(
        result["value"], error_of(tmp_path / "artifact", test_split), rtol=1e-5
    )


def test_a_collapse_is_said_in_words(run, tmp_path):
    with pytest.raises(CollapsedError, match="no gradient can bring one back"):
        run(tmp_path, l1=10.0)


def test_a_rate_that_is_too_high_stops_at_its_step(run, tmp_path):
    with pytest.raises(DivergedError, match=r"at step \d+.*lower the"):
        run(tmp_path, learning_rate=1e30, method="full")
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": (300, 59)}, "for 59 parameters, but ant needs at least 60"),
        ({"method": "nbant", "budgets": (79,)}, "nbant may need at least 80"),
        (
            {"method": "full", "budgets": (79,)},
            "budgets are for ant, .*not full",
        ),
        ({"batch_size": 4096}, "larger than the 1920 training examples"),
    ],
)
def test_what_cannot_work_leaves_an_earlier_run_alone(changes, message, run, tmp_path):
    kept = tmp_path / "result.json"
    kept.write_text("{}")
    with pytest.raises(ValueError, match=message):
        run(tmp_path, mode="overwrite", **changes)
    assert kept.read_text() == "{}"
