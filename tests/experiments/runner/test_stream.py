"""A stream of chunks: when one is learned, what K does, going on after a stop."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.nonparametric import Controller, mask_anchors, num_anchors
from ant_jax.training import EpochReport, Trainer, TrainState, data_mesh
from experiments.runner.adaptation import Adaptation
from experiments.runner.errors import DivergedError
from experiments.runner.metrics import read_metrics
from experiments.runner.stream import Chunk, fit_stream
from experiments.runner.workdir import Workdir

V, ROOM = 4, 6


def start():
    table = ant.AnchorParams(jnp.ones((ROOM, 2)), jnp.ones((V, ROOM)))
    return {"t": table, "level": jnp.zeros(())}


def resize(state, anchors):
    return state._replace(active={name: jnp.int32(k) for name, k in anchors.items()})


def run_epoch(state, train, key):
    """Goes half the way to the chunk, and a little anywhere."""
    noise = 1e-3 * jax.random.uniform(key)
    level = (state.params["level"] + train[0]) / 2 + noise
    report = EpochReport(jnp.abs(level - train[0]), jnp.int32(-1), {})
    params = state.params | {"level": level}
    return state._replace(step=state.step + 1, params=params), report


def chunks(count=8, seen=None):
    for level in range(count):
        if seen is not None:
            seen.append(level)
        data = jnp.full(3, float(level))
        yield Chunk(data, data)


def fit(path, stream, evaluate=None, **options):
    settings = {"epochs": 9, "patience": 1, "tolerance": 0.2} | options
    trainer = Trainer(
        create=lambda params: TrainState(jnp.int32(0), params, (), {}),
        step=None,
        epoch=run_epoch,
        params=lambda state: mask_anchors(state.params, state.active),
        resize=resize,
        mesh=data_mesh(jax.local_devices()[:1]),
    )
    return fit_stream(
        trainer,
        start(),
        stream,
        evaluate=evaluate or (lambda p, held_out: float(abs(p["level"] - held_out[0]))),
        describe=lambda params: {"size": params["t"].anchors.size},
        adaptation=Adaptation(
            Controller(max_anchors=ROOM),
            {"t": 2},
            # Least with four anchors, whatever the loss.
            lambda loss, nonzeros, anchors: abs(anchors - 4) + nonzeros / 1000,
        ),
        key=jax.random.key(0),
        workdir=Workdir(path),
        **settings,
    )


def test_anchors_follow_the_objective_chunk_by_chunk(tmp_path):
    result = fit(tmp_path, chunks())
    rows = result.history
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    # Two chunks of warming up, then as Algorithm 2 does with these objectives.
    assert [row["anchors_t"] for row in rows] == [2, 3, 4, 5, 5, 4, 5, 5]
    for row in rows:
        assert (
            row["objective"] == abs(row["anchors_t"] - 4) + V * row["anchors_t"] / 1000
        )
        assert row["size"] == 2 * row["anchors_t"]
    assert num_anchors(result.params) == {"t": 5}
    assert result.progress.anchors == {"t": 5}
    assert read_metrics(tmp_path / "metrics.jsonl") == rows


def test_a_chunk_is_trained_on_until_it_is_learned(tmp_path):
    losses = iter([5.0, 3.0, 2.9, 4.0, 2.0, 1.0, 0.5, 0.25, 9.0])
    passes = [
        row["passes"]
        for row in fit(
            tmp_path, chunks(2), lambda p, held_out: next(losses), epochs=4
        ).history
    ]
    # 2.9 is no fall worth the name; the second chunk ends after four epochs.
    assert passes == [3, 4]


def test_a_killed_run_goes_on_and_sees_no_chunk_twice(tmp_path):
    whole = fit(tmp_path / "whole", chunks())
    fit(tmp_path / "parts", chunks(3))
    trained = []

    def evaluate(params, held_out):
        trained.append(float(held_out[0]))
        return float(abs(params["level"] - held_out[0]))

    parts = fit(tmp_path / "parts", chunks(), evaluate)
    assert set(trained) == {3.0, 4.0, 5.0, 6.0, 7.0}
    timeless = [
        json.dumps([{**row, "seconds": 0} for row in result.history])
        for result in (whole, parts)
    ]
    assert timeless[0] == timeless[1]
    jax.tree.map(np.testing.assert_array_equal, whole.params, parts.params)
    again = fit(tmp_path / "parts", chunks())
    jax.tree.map(np.testing.assert_array_equal, again.params, parts.params)
    assert again.history == parts.history


def test_streams_that_cannot_be_are_refused(tmp_path):
    def uneven():
        yield from chunks(2)
        yield Chunk(jnp.ones(2), jnp.ones(3))

    with pytest.raises(ValueError, match=r"Chunk 3 .* chunks of one shape"):
        fit(tmp_path / "uneven", uneven())
    with pytest.raises(ValueError, match="no chunks to train on"):
        fit(tmp_path / "empty", iter([]))
    with pytest.raises(DivergedError, match="held-out loss is nan at step 1"):
        fit(tmp_path / "nan", chunks(), lambda p, held_out: float("nan"))
