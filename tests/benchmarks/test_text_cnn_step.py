import dataclasses
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import text_cnn_step
from benchmarks.programs import flax_text_cnn, text_classifier, timing
from benchmarks.texts import TextWorkload, draw_texts
from benchmarks.turns import Timing
from experiments.text_classification.configs import Config

TINY = TextWorkload(
    Config(features=6, anchors=2, filters=3, batch_size=4, length=8), 30, 3
)


@pytest.fixture
def turns(monkeypatch):
    """Programs that are not run: each takes a millisecond longer than the last."""
    asked = []

    def take_turns(programs, enough):
        assert not enough([[60.0] * 6])
        assert enough([[60.0] * 7])
        asked.append(programs)
        return {
            name: Timing({"steps": 10}, [0.0, count / 100, 1.0], 3 * 2**30)
            for count, name in enumerate(programs, start=1)
        }

    monkeypatch.setattr(text_cnn_step, "take_turns", take_turns)
    return asked


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["text_cnn_step", *map(str, args)])
    text_cnn_step.main()


def test_writes_results_and_tables(turns, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "step.json"
    run(monkeypatch, "--seed", 7, "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert list(parts) == ["ag_news", "dbpedia"]
    part = parts["dbpedia"]
    assert {"commit", "device", "versions", "load_before"} <= set(part)
    assert (part["seed"], part["num_words"]) == (7, 563_355)
    programs = part["programs"]
    assert programs["ant"]["seconds"] == [0.0, 0.01, 1.0]
    assert programs["full"]["step_s"] == pytest.approx(0.003)
    assert programs["full"]["times_as_long_as_ant"] == pytest.approx(3)
    assert programs["ant_dense"]["texts_per_s"] == pytest.approx(64 / 0.002)
    printed = capsys.readouterr().out
    assert "| AG-News: 61,673 words, d = 256, K = 10 |" in printed
    assert "| full table, `optax.adam` | 6 | 6.0 | 10,667 | 3.00 |" in printed
    assert [path.name for path in out.parent.iterdir()] == ["step.json"]


def test_programs_differ_in_what_their_names_say(turns, tmp_path, monkeypatch):
    run(monkeypatch, "--seed", 7, "--out", tmp_path / "step.json")
    for programs, anchors in zip(turns, (10, 100), strict=True):
        configs = {n: dataclasses.asdict(p.job.config) for n, p in programs.items()}
        ant = configs["ant"]
        assert (ant["method"], ant["anchors"], ant["fold"]) == ("ant", anchors, True)
        assert (ant["features"], ant["length"], ant["filters"]) == (256, 100, 100)
        assert (ant["batch_size"], ant["seed"]) == (64, 7)
        assert configs["ant_dense"] == ant | {"lazy_rows": False}
        assert configs.get("ant_unfolded", ant) == ant | {"fold": anchors == 100}
        assert configs["full"] == ant | {"method": "full"}
        for name in ("full_dense", "adam", "flax"):
            assert configs[name] == ant | {"method": "full", "lazy_rows": False}


def test_measures_a_part_and_keeps_the_other(turns, tmp_path, monkeypatch):
    out = tmp_path / "step.json"
    run(monkeypatch, "--only", "dbpedia", "--out", out)
    before = json.loads(out.read_text())["parts"]["dbpedia"]
    run(monkeypatch, "--only", "ag_news", "--out", out)
    parts = json.loads(out.read_text())["parts"]
    assert set(parts) == {"ag_news", "dbpedia"}
    assert parts["dbpedia"] == before


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


@pytest.mark.parametrize("name", ["ant", "adam", "flax"])
@jax.numpy_dtype_promotion("standard")  # optax itself mixes dtypes
def test_the_programs_train(name, monkeypatch):
    monkeypatch.setattr(text_classifier, "_MOST_STEPS", 100)
    monkeypatch.setattr(text_classifier, "_MOST_STEPS_OF_A_TURN", 3)
    monkeypatch.setattr(timing, "_TRIAL_STEPS", 3)
    entry, changes = text_cnn_step.PROGRAMS[name]
    module, _, function = entry.rpartition(".")[2].partition(":")
    programs = {"text_classifier": text_classifier, "flax_text_cnn": flax_text_cnn}
    config = dataclasses.replace(TINY.config, **changes)
    program = getattr(programs[module], function)
    description, seconds = program(dataclasses.replace(TINY, config=config))
    assert description["steps"] == 3
    assert next(seconds) > 0


def test_flax_computes_what_our_model_does():
    workload = dataclasses.replace(
        TINY, config=dataclasses.replace(TINY.config, method="full")
    )
    ours = text_classifier.make_model(workload)
    init = jax.jit(ours.init, static_argnums=1)
    params = init(jax.random.key(0), TINY.config.length)
    encoder, table = params.encoder, params.embedding.embedding
    flax = {"Embed_0": {"embedding": table}, "Dense_0": encoder["Dense_0"]}
    for place, window in enumerate((3, 4, 5)):
        layer = encoder[f"conv_{window}"]
        kernel = layer["kernel"].reshape(window, -1, TINY.config.filters)
        flax[f"Conv_{place}"] = {**layer, "kernel": kernel}
    texts = draw_texts(workload, 5, turn=0)
    theirs = flax_text_cnn.make_model(workload)
    got = jax.jit(theirs.apply)({"params": flax}, jnp.asarray(texts.tokens))
    want = jax.jit(ours.logits)(params, *map(jnp.asarray, texts[:2]))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
