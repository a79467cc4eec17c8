"""Early stopping, metrics, and going on after a stop as if there had been none."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.training import EpochReport, Trainer, TrainState, data_mesh
from experiments.runner.errors import DivergedError
from experiments.runner.fit import fit as fitting
from experiments.runner.metric import ACCURACY, MSE
from experiments.runner.metrics import read_metrics
from experiments.runner.workdir import Workdir


def trainer_of(values):
    """A trainer whose parameter counts epochs and whose loss is taken from a list."""

    def epoch(state, data, key):
        index = int(state.step)
        noise = jax.random.uniform(key)
        params = {"p": state.params["p"] + 1, "noise": state.params["noise"] + noise}
        value = values[index]
        bad = -1 if math.isfinite(value) else index + 1
        numbers = {"double": jnp.float32(2 * value)}
        report = EpochReport(jnp.float32(value), jnp.int32(bad), numbers)
        return TrainState(state.step + 1, params, (), {}), report

    return Trainer(
        create=lambda params: TrainState(jnp.int32(0), params, (), {}),
        step=None,
        epoch=epoch,
        params=lambda state: state.params,
        resize=None,
        mesh=data_mesh(jax.local_devices()[:1]),
    )


def fit(path, values, *, patience=2, epochs=None, validate=None, metric=MSE):
    return fitting(
        trainer_of(values),
        {"p": jnp.zeros(()), "noise": jnp.zeros(())},
        None,
        validate=validate or (lambda params: values[int(params["p"]) - 1]),
        metric=metric,
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
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert rows == result.history
    assert [row["validation"] for row in rows] == [5.0, 3.0, 4.0, 3.0]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def test_the_validation_score_is_written_as_people_read_it(tmp_path):
    # A share of mistakes falls, so the accuracy in percent rises.
    result = fit(tmp_path, [0.5, 0.25, 0.3], metric=ACCURACY)
    assert [row["validation"] for row in result.history] == [50.0, 75.0, 70.0]
    assert result.progress.best_epoch == 2
    assert result.progress.best_value == 0.25


def test_further_numbers_of_the_loss_are_written(tmp_path):
    rows = fit(tmp_path, [5.0, 4.0]).history
    assert [row["double"] for row in rows] == [10.0, 8.0]


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
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [row["validation"] for row in rows] == values


def test_a_loss_that_is_not_finite_names_step_and_checkpoint(tmp_path):
    with pytest.raises(DivergedError) as error:
        fit(tmp_path, [5.0, 4.0, math.nan, 3.0])
    message = str(error.value)
    assert "loss is nan at step 3" in message
    assert str(tmp_path / "checkpoints" / "2") in message
    assert (tmp_path / "checkpoints" / "2").is_dir()
    with pytest.raises(DivergedError, match="There is no checkpoint"):
        fit(tmp_path / "other", [math.inf])


def test_a_validation_figure_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(DivergedError, match="validation loss is nan"):
        fit(tmp_path, [5.0, 4.0], validate=lambda params: math.nan)


def test_a_tensorboard_log_is_written_where_it_can_be(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is an optional extra")
    fit(tmp_path, [5.0, 4.0])
    assert list((tmp_path / "tensorboard").glob("events*"))
