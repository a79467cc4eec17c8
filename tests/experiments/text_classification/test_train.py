"""Whole runs on a small data set, in this process."""

import functools
import itertools
import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from ant_jax import compact
from experiments.runner import train
from experiments.runner.config import METHODS
from experiments.runner.errors import CollapsedError
from experiments.runner.metrics import read_metrics

pytestmark = pytest.mark.usefixtures("quick_compilation")


# Beside these a vocabulary of 55 words has 440 parameters in a full table.
CHANGES = {
    "ant": {"budgets": (120, 60), "refit_epochs": 1},
    "anchor_mixture": {"budgets": (250, 160)},
    # Noise of its own for every word of every text takes longer to average out.
    "cluster": {"epochs": 5, "learning_rate": 0.1, "temperature": 0.5},
    "sparse_vd": {"budgets": (45, 24)},
    "sparse_vd_voc": {"budgets": (45, 24)},
    "group_lasso": {"budgets": (150,)},
    "vvd": {"budgets": (250,)},
    "sparse_coding": {"budgets": (150,), "refit_epochs": 1},
    "product_quantization": {"budgets": (96, 64)},
}


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """Result and folder of a run of each method, trained when it is first asked for."""

    @functools.cache
    def trained(method):
        folder = tmp_path_factory.mktemp(method)
        return run(folder, method=method, **CHANGES.get(method, {})), folder

    return trained


def read(folder):
    """The description, the table and the encoder of what a run shipped."""
    model = json.loads((folder / "model.json").read_text())
    table = compact.load(folder / model["embedding"])
    return model, table, load_file(folder / "encoder.safetensors")


def scores_of(folder, texts):
    """Scores from the shipped files and the texts alone, with NumPy alone."""
    model, table, encoder = read(folder)
    assert model["encoder"] == "cnn"
    known = set(table.vocab)
    length, scores = model["length"], []
    for text in texts:
        words = [word if word in known else "<unk>" for word in text.split()]
        words = [*words, "<eos>"][:length]
        x = np.zeros((length, table.features))
        x[: len(words)] = table.lookup(table.ids(words))
        pooled = []
        for width in (3, 4, 5):
            kernel, bias = (encoder[f"conv_{width}/{n}"] for n in ("kernel", "bias"))
            kernel = kernel.reshape(width, table.features, -1)
            places = range(length - width + 1)
            maps = [np.tensordot(x[i : i + width], kernel) + bias for i in places]
            pooled.append(np.maximum(np.max(maps, axis=0), 0))
        features = np.concatenate(pooled)
        scores.append(features @ encoder["Dense_0/kernel"] + encoder["Dense_0/bias"])
    return model, np.array(scores)


@pytest.fixture(scope="module")
def test_split(text_dir):
    """Classes and texts of the test split."""
    lines = (text_dir / "test.tsv").read_text().splitlines()
    return tuple(zip(*(line.split("\t") for line in lines), strict=True))


def accuracy_of(folder, test_split):
    """The accuracy in percent from the shipped files alone."""
    model, scores = scores_of(folder, test_split[1])
    found = [model["classes"][n] for n in np.argmax(scores, axis=1)]
    return 100 * np.mean([a == b for a, b in zip(found, test_split[0], strict=True)])


def bytes_of(folder):
    """Bytes of the table in the folder, without the words."""
    table = read(folder)[1]
    vocab = sum(n for part, n in table.sizes.parts.items() if part.startswith("vocab"))
    return (folder / "embedding.safetensors").stat().st_size - vocab


# One method for every way in which a table is trained, pruned and shipped; all in the
# slow tests.
QUICK = ("ant", "cluster", "group_lasso", "product_quantization")
CASES = [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in METHODS]


@pytest.mark.parametrize("method", CASES)
def test_every_method_learns_and_ships_what_it_evaluated(method, trained, test_split):
    result, folder = trained(method)
    rows = read_metrics(folder / "metrics.jsonl")
    assert len(rows) == result["epochs"] == result["config"]["epochs"]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    # Of three classes, each as frequent as the others.
    assert result["value"] > 40
    # The first of the most accurate, in percent in every file.
    best = max(rows, key=lambda row: row["validation"])
    assert result["best_epoch"] == best["epoch"]
    assert result["before_pruning"]["validation"] == best["validation"] > 1
    assert result["before_pruning"]["emb_params"] == best["emb_params"]

    limits = CHANGES.get(method, {}).get("budgets", ())
    assert len(result["budgets"]) == len(limits)
    shipped = [folder / "artifact" / str(limit) for limit in limits[:-1]]
    rows = result["budgets"] or [result]
    for row, place in zip(rows, [*shipped, folder / "artifact"], strict=True):
        np.testing.assert_allclose(
            row["value"], accuracy_of(place, test_split), rtol=1e-5
        )
        assert row["emb_params"] == read(place)[1].num_params
        assert row["emb_bytes"] == bytes_of(place)
        assert {name: result[name] for name in rows[-1]} == rows[-1]
    for row, limit in zip(result["budgets"], limits, strict=True):
        # A table of whole words has no words of half a length.
        assert limit - 8 < row["emb_params"] <= limit

    assert json.loads((folder / "result.json").read_text()) == result
    assert (folder / "curves.png").stat().st_size > 1000
    assert (result["clusters"] is not None) == ("cluster" in method)
    assert result["words"] == 55
    assert result["dense_params"] == 55 * 8
    assert (result["task"], result["metric"]) == ("text_classification", "accuracy")
    fields = "dataset method split validation seed unknown wall_s examples_per_s"
    fields += " peak_rss_bytes device commit versions config"
    assert set(fields.split()) <= set(result)


def test_an_interrupted_run_goes_on_to_the_same_numbers(
    trained, run, tmp_path, monkeypatch
):
    # Of all methods the one with most noise.
    expected, whole = trained("cluster")
    figures, calls = train.describe, itertools.count(1)

    def interrupt(*args):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return figures(*args)

    with monkeypatch.context() as patch:
        patch.setattr(train, "describe", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, method="cluster", **CHANGES["cluster"])
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1
    assert not (tmp_path / "result.json").exists()
    result = run(tmp_path, mode="resume", method="cluster", **CHANGES["cluster"])
    for name in ("value", "validation", "emb_bytes", "best_epoch", "epochs", "config"):
        assert result[name] == expected[name]
    losses = [
        [row["train_loss"] for row in read_metrics(folder / "metrics.jsonl")]
        for folder in (tmp_path, whole)
    ]
    assert losses[0] == losses[1]
    tables = [read(folder / "artifact")[1].matrix() for folder in (tmp_path, whole)]
    np.testing.assert_array_equal(*tables)


def lstm_scores(folder, prepared):
    """Scores of the test split from the shipped files, with NumPy alone."""
    _, table, tensors = read(folder)
    test, vectors = prepared.splits.test, table.matrix()

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    scores = []
    for tokens, length in zip(test.tokens, test.lengths, strict=True):
        h = c = np.zeros(8)
        for x in vectors[tokens[:length]]:
            i, f, g, o = (
                x @ tensors[f"lstm/i{gate}/kernel"]
                + h @ tensors[f"lstm/h{gate}/kernel"]
                + tensors[f"lstm/h{gate}/bias"]
                for gate in "ifgo"
            )
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        scores.append(h @ tensors["Dense_0/kernel"] + tensors["Dense_0/bias"])
    return np.array(scores)


@pytest.mark.slow
def test_all_that_is_known_of_words_on_eight_devices(run, prepared, tmp_path):
    result = run(
        tmp_path,
        devices=jax.local_devices(),
        encoder="lstm",
        anchors_choice="frequency_kmeans",
        relations="cooccurrence",
        related_words=3,
        orthogonality=1e-3,
        prune_by="curvature",
        prune_tolerance=0.05,
        batch_size=8,
        epochs=2,
    )
    assert result["device"].startswith("8 x cpu")
    assert result["emb_params"] < result["before_pruning"]["emb_params"]
    found = np.argmax(lstm_scores(tmp_path / "artifact", prepared), axis=1)
    accuracy = 100 * np.mean(found == prepared.splits.test.labels)
    np.testing.assert_allclose(result["value"], accuracy, rtol=1e-5)


def test_a_collapse_is_said_in_words(run, tmp_path):
    with pytest.raises(CollapsedError, match="no gradient can bring one back"):
        run(tmp_path, l1=100.0, epochs=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 4096}, "larger than the 192 training examples"),
        ({"budgets": (31,)}, "ant needs at least 32"),
        ({"dataset": "magic"}, "Unknown data set 'magic'"),
        ({"min_count": 9999}, "No word occurs 9999 times in training"),
    ],
)
def test_what_cannot_work_leaves_an_earlier_run_alone(changes, message, run, tmp_path):
    kept = tmp_path / "result.json"
    kept.write_text("{}")
    with pytest.raises(ValueError, match=message):
        run(tmp_path, mode="overwrite", **changes)
    assert kept.read_text() == "{}"
