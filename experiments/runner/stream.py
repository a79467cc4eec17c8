"""Training on a stream of chunks of data, each of which is seen once."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ant_jax.training import Trainer, replicate
from experiments.runner.adaptation import Adaptation, anchor_counts, shipped
from experiments.runner.checkpoints import Checkpoints
from experiments.runner.fit import check_finite
from experiments.runner.metrics import MetricsWriter
from experiments.runner.workdir import Workdir


class Chunk(NamedTuple):
    """A part of a stream."""

    train: Any  # pytree of arrays of n examples
    held_out: Any  # the same; says when the model has learned the chunk


@dataclasses.dataclass
class StreamProgress:
    """How far a stream has been read; stored with every checkpoint."""

    anchors: dict[str, int]  # by table, in the last chunk
    chunks: int = 0  # chunks done
    epochs: int = 0  # over all chunks
    seconds: float = 0.0  # spent in epochs and their evaluation, over all restarts
    control: dict[str, Any] | None = None  # the `ControllerState`, for the next chunk


class StreamResult(NamedTuple):
    """A model that has seen the whole stream."""

    params: Any  # after the last chunk, cut to its anchors
    progress: StreamProgress
    history: list[dict[str, Any]]  # one row a chunk


def fit_stream(
    trainer: Trainer,
    params: Any,
    chunks: Iterable[Chunk],
    *,
    evaluate: Callable[[Any, Any], float],
    describe: Callable[[Any], dict[str, Any]],
    adaptation: Adaptation,
    key: PRNGKeyArray,
    epochs: int,
    patience: int,
    tolerance: float = 0.0,
    workdir: Workdir,
) -> StreamResult:
    """Online nbANT: trains on chunk after chunk, and adapts K after each.

    After Liang et al., *Anchor & Transform*, ICLR 2021, Figure 8. A chunk is trained on
    until its held-out loss stops falling. The objective of that loss is what the
    controller is given, and the next chunk begins with the anchors that it answers.

    Args:
      trainer: what trains.
      params: where a fresh run starts.
      chunks: the stream, all of one shape, so that nothing compiles twice. A resumed
        run reads it from its start and leaves out what it has seen.
      evaluate: `(params, held_out) -> loss`; see `make_evaluate`.
      describe: further numbers for the metrics, of parameters cut to their anchors.
      adaptation: how the number of anchors follows the objective.
      key: source of every epoch's shuffle.
      epochs: most epochs a chunk.
      patience: epochs without a lower held-out loss after which the next chunk comes.
      tolerance: relative fall of that loss up to which it counts as none.
      workdir: where checkpoints and metrics go; see `Workdir.claim`. A row of the
        metrics is a chunk: its "epoch" counts chunks, its "passes" epochs of it.

    Returns:
      The parameters, and the course of objective and K chunk by chunk.

    Raises:
      CheckpointError: a checkpoint cannot be written, or the newest is damaged.
      DivergedError: a loss or the objective is not finite.
      OSError: the metrics cannot be written.
      ValueError: a chunk has another shape than the first, there is no chunk, or
        `adaptation` starts with too many anchors.
    """
    state = replicate(trainer.create(replicate(params, trainer.mesh)), trainer.mesh)
    state, control = adaptation.begin(trainer, state)
    progress, shapes = StreamProgress(dict(control.anchors)), None
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(closing(Checkpoints(workdir.checkpoints)))
        if (restored := checkpoints.restore({"state": state})) is not None:
            state, progress = restored[0]["state"], StreamProgress(**restored[1])
            state, control = adaptation.begin(trainer, state, progress.control)
        writer = stack.enter_context(
            closing(
                MetricsWriter(workdir.metrics, workdir.tensorboard, progress.chunks)
            )
        )
        for number, chunk in enumerate(chunks, start=1):
            shapes = _check_shapes(number, chunk, shapes)
            if number <= progress.chunks:
                continue
            start = time.perf_counter()
            if control.anchors != progress.anchors:
                state = trainer.resize(state, control.anchors)
                progress.anchors = control.anchors
            best, best_pass, passes, done = math.inf, 0, 0, progress.epochs
            while passes < epochs and passes - best_pass < patience:
                shuffle = jax.random.fold_in(key, done + passes)
                state, report = trainer.epoch(state, chunk.train, shuffle)
                passes += 1
                train_loss, bad_step = float(report.loss), int(report.bad_step)
                check_finite("loss", train_loss, bad_step, checkpoints)
                params = trainer.params(state)
                loss = float(evaluate(params, chunk.held_out))
                check_finite("held-out loss", loss, int(state.step), checkpoints)
                if math.isinf(best) or best - loss > tolerance * abs(best):
                    best, best_pass = loss, passes
            objective = adaptation.evaluate(control, params, loss)
            check_finite("objective", objective, int(state.step), checkpoints)
            control = adaptation.controller.update(control, objective)
            progress.chunks, progress.epochs = number, done + passes
            progress.control = control._asdict()
            seconds = time.perf_counter() - start
            progress.seconds += seconds
            numbers = {"train_loss": train_loss, "validation": loss}
            numbers |= {"objective": objective} | anchor_counts(progress.anchors)
            numbers |= describe(shipped(params, progress.anchors))
            row = {"epoch": number, "step": int(state.step), "passes": passes}
            writer.write({**row, **numbers, "seconds": seconds})
            checkpoints.save(number, {"state": state}, dataclasses.asdict(progress))
    if shapes is None:
        raise ValueError("The stream has no chunks to train on.")
    params = shipped(trainer.params(state), progress.anchors)
    return StreamResult(params, progress, writer.rows)


def _check_shapes(number: int, chunk: Chunk, first: Any) -> Any:
    """The shapes of a chunk, which are to be those of the first."""
    shapes = jax.tree.map(jnp.shape, tuple(chunk))
    if first is not None and shapes != first:
        raise ValueError(
            f"Chunk {number} of the stream has the shapes {shapes}, the first {first}: "
            "cut it into chunks of one shape, and leave out what remains."
        )
    return shapes
