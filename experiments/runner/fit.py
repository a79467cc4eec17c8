"""Epochs until the validation loss stops falling."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import jax
from jaxtyping import PRNGKeyArray

from ant_jax.training import Trainer, replicate
from experiments.runner.adaptation import Adaptation, anchor_counts, shipped
from experiments.runner.checkpoints import Checkpoints
from experiments.runner.errors import DivergedError
from experiments.runner.metric import Metric
from experiments.runner.metrics import MetricsWriter
from experiments.runner.progress import ProgressBar
from experiments.runner.workdir import Workdir


@dataclasses.dataclass
class Progress:
    """How far a run has come; stored with every checkpoint."""

    epoch: int = 0  # epochs done
    best_epoch: int = 0  # the one with the lowest validation loss
    best_value: float = math.inf  # that loss, or the objective of an `Adaptation`
    seconds: float = 0.0  # spent in epochs and their validation, over all restarts
    # Where the number of anchors adapts:
    best_anchors: dict[str, int] | None = None  # of the best epoch, by table
    resized_epoch: int = 0  # the one after which it last changed
    control: dict[str, Any] | None = None  # the `ControllerState`

    def finished(self, epochs: int, patience: int) -> bool:
        """Whether the run is at its end: all epochs, or none better for a while.

        A changed number of anchors has as many epochs to be better as the first had.
        """
        since = max(self.best_epoch, self.resized_epoch)
        return self.epoch >= epochs or self.epoch - since >= patience


class FitResult(NamedTuple):
    """A finished run."""

    params: Any  # of the best epoch, cut to its anchors where their number adapts
    progress: Progress
    history: list[dict[str, Any]]  # one row an epoch


def fit(
    trainer: Trainer,
    params: Any,
    data: Any,
    *,
    validate: Callable[[Any], float],
    metric: Metric,
    describe: Callable[[Any], dict[str, Any]],
    key: PRNGKeyArray,
    epochs: int,
    patience: int,
    workdir: Workdir,
    adaptation: Adaptation | None = None,
) -> FitResult:
    """Trains with early stopping; goes on from the newest checkpoint if there is one.

    Args:
      trainer: what trains.
      params: where a fresh run starts.
      data: the training examples, on the devices of the trainer's mesh.
      validate: loss of the parameters on the validation split, lower is better.
      metric: how that loss is reported.
      describe: further numbers of the parameters for the metrics, by name.
      key: source of every epoch's shuffle; epoch e uses `fold_in(key, e)`.
      epochs: most epochs to run.
      patience: epochs without a lower loss after which the run ends.
      workdir: where checkpoints and metrics go; see `Workdir.claim`.
      adaptation: lets the number of anchors follow an objective, which then takes the
        place of the validation loss in early stopping. `validate` is given tables of
        full size whose removed anchors are zero, `describe` tables without them.

    Returns:
      The parameters of the best epoch, and how the run went.

    Raises:
      CheckpointError: a checkpoint cannot be written, or the newest is damaged.
      DivergedError: the training or validation loss is not finite; the message names
        the step and the last good checkpoint.
      OSError: the metrics cannot be written.
    """
    params = replicate(params, trainer.mesh)
    state = replicate(trainer.create(params), trainer.mesh)
    if adaptation is not None:
        state, control = adaptation.begin(trainer, state)
    best, progress = trainer.params(state), Progress()
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(closing(Checkpoints(workdir.checkpoints)))
        restored = checkpoints.restore({"state": state, "best": best})
        if restored is None:
            # The epoch donates the state, so the best parameters need buffers of
            # their own.
            best = jax.tree.map(lambda x: x.copy(), best)
        else:
            arrays, saved = restored
            state, best, progress = arrays["state"], arrays["best"], Progress(**saved)
            if adaptation is not None:
                state, control = adaptation.begin(trainer, state, progress.control)
        writer = stack.enter_context(
            closing(MetricsWriter(workdir.metrics, workdir.tensorboard, progress.epoch))
        )
        bar = stack.enter_context(closing(ProgressBar(epochs, progress.epoch)))
        while not progress.finished(epochs, patience):
            start = time.perf_counter()
            epoch_key = jax.random.fold_in(key, progress.epoch)
            state, report = trainer.epoch(state, data, epoch_key)
            check_finite("loss", float(report.loss), int(report.bad_step), checkpoints)
            trained = time.perf_counter() - start
            params = trainer.params(state)
            value = validate(params)
            step = int(state.step)
            check_finite("validation loss", value, step, checkpoints)
            numbers = {
                "train_loss": float(report.loss),
                "validation": metric.report(value),
                **{name: float(mean) for name, mean in report.metrics.items()},
            }
            anchors = None
            if adaptation is not None:
                anchors = control.anchors
                value = adaptation.evaluate(control, params, value)
                check_finite("objective", value, step, checkpoints)
                numbers |= {"objective": value} | anchor_counts(anchors)
            progress.epoch += 1
            progress.seconds += time.perf_counter() - start
            if value < progress.best_value:
                progress.best_value, progress.best_epoch = value, progress.epoch
                progress.best_anchors = anchors
                best = jax.tree.map(lambda x: x.copy(), params)
            numbers |= describe(shipped(params, anchors))
            row = {"epoch": progress.epoch, "step": step, **numbers}
            writer.write({**row, "seconds": trained})
            bar.update(progress.epoch, numbers)
            if adaptation is not None:
                state, control = adaptation.move(trainer, state, control, value)
                progress.control = control._asdict()
                if control.anchors != anchors:
                    progress.resized_epoch = progress.epoch
            checkpoints.save(
                progress.epoch,
                {"state": state, "best": best},
                dataclasses.asdict(progress),
            )
    return FitResult(shipped(best, progress.best_anchors), progress, writer.rows)


def check_finite(name: str, value: float, step: int, checkpoints: Checkpoints) -> None:
    """Refuses a number that is not finite.

    Raises:
      DivergedError: naming the number, the step and the last good checkpoint.
    """
    if math.isfinite(value):
        return
    good = checkpoints.latest()
    where = f"The last good checkpoint is {good}" if good else "There is no checkpoint"
    raise DivergedError(
        f"The {name} is {value} at step {step}. {where}; lower the learning rate and "
        "start again."
    )
