"""Early stopping, metrics, and going on after a stop as if there had been none."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax import training
from ant_jax.training import Workdir


def epoch_of(values):
    """An epoch whose parameter counts epochs and whose loss is taken from a list."""

    def run_epoch(state, key):
        index = int(state.step)
        noise = jax.random.uniform(key)
        params = {"p": state.params["p"] + 1, "noise": state.params["noise"] + noise}
        value = values[index]
        bad = -1 if math.isfinite(value) else index + 1
        report = training.EpochReport(jnp.float32(value), jnp.int32(bad))
        return training.TrainState(state.step + 1, params, (), {}), report

    return run_epoch


def fit(path, values, *, patience=2, epochs=None, validate=None):
    params = {"p": jnp.zeros(()), "noise": jnp.zeros(())}
    return training.fit(
        training.TrainState(jnp.int32(0), params, (), {}),
        run_epoch=epoch_of(values),
        params_of=lambda state: state.params,
        validate=validate or (lambda params: values[int(params["p"]) - 1]),
        describe=lambda params: {"p": int(params["p"])},
        key=jax.random.key(7),
        epochs=len(values) if epochs is None else epochs,
        patience=patience,
        workdir=Workdir(path),
    )


def test_stops_when_nothing_gets_better_and_returns_the_best(tmp_path):
    result = fit(tmp_path, [5.0, 3.0, 4.0, 3.0, 1.0])
    assert result.progress.best_epoch == 2
    assert result.progress.epoch == 4
    assert float(result.params["p"]) == 2
    rows = training.read_metrics(tmp_path / "metrics.jsonl")
    assert rows == result.history
    assert [row["validation"] for row in rows] == [5.0, 3.0, 4.0, 3.0]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def test_goes_on_from_a_checkpoint_to_the_same_numbers(tmp_path):
    values = [5.0, 4.0, 3.0, 2.0, 1.0, 0.5]
    whole = fit(tmp_path / "whole", values)
    fit(tmp_path / "parts", values, epochs=2)
    parts = fit(tmp_path / "parts", values)
    np.testing.assert_array_equal(whole.params["noise"], parts.params["noise"])
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]
        for result in (whole, parts)
    ]
    assert timeless[0] == timeless[1]
    assert parts.progress.epoch == 6


def test_metrics_past_the_checkpoint_are_dropped(tmp_path):
    values = [5.0, 4.0, 3.0]
    fit(tmp_path, values, epochs=2)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 3, "validation": -1.0}) + '\n{"epoch": 4, "va')
    fit(tmp_path, values)
    rows = training.read_metrics(tmp_path / "metrics.jsonl")
    assert [row["validation"] for row in rows] == values


def test_a_loss_that_is_not_finite_names_step_and_checkpoint(tmp_path):
    with pytest.raises(training.DivergedError) as error:
        fit(tmp_path, [5.0, 4.0, math.nan, 3.0])
    message = str(error.value)
    assert "loss is nan at step 3" in message
    assert str(tmp_path / "checkpoints" / "2") in message
    assert (tmp_path / "checkpoints" / "2").is_dir()
    with pytest.raises(training.DivergedError, match="There is no checkpoint"):
        fit(tmp_path / "other", [math.inf])


def test_a_validation_figure_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(training.DivergedError, match="validation figure is nan"):
        fit(tmp_path, [5.0, 4.0], validate=lambda params: math.nan)


def test_a_tensorboard_log_is_written_where_it_can_be(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is an optional extra")
    fit(tmp_path, [5.0, 4.0])
    assert list((tmp_path / "tensorboard").glob("events*"))
