"""Epochs until the validation figure stops falling."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import jax
from jaxtyping import PRNGKeyArray

from ant_jax.training.checkpoints import Checkpoints
from ant_jax.training.epoch import EpochReport
from ant_jax.training.errors import DivergedError
from ant_jax.training.metrics import MetricsWriter
from ant_jax.training.progress import ProgressBar
from ant_jax.training.state import TrainState
from ant_jax.training.workdir import Workdir


@dataclasses.dataclass
class Progress:
    """How far a run has come; stored with every checkpoint."""

    epoch: int = 0  # epochs done
    best_epoch: int = 0  # the one with the lowest validation figure
    best_value: float = math.inf  # that figure
    seconds: float = 0.0  # spent in epochs and their validation, over all restarts

    def finished(self, epochs: int, patience: int) -> bool:
        """Whether the run is at its end: all epochs, or none better for a while."""
        return self.epoch >= epochs or self.epoch - self.best_epoch >= patience


class FitResult(NamedTuple):
    """A finished run."""

    params: Any  # of the best epoch
    progress: Progress
    history: list[dict[str, Any]]  # one row an epoch


def fit(
    state: TrainState,
    *,
    run_epoch: Callable[[TrainState, PRNGKeyArray], tuple[TrainState, EpochReport]],
    params_of: Callable[[TrainState], Any],
    validate: Callable[[Any], float],
    describe: Callable[[Any], dict[str, Any]],
    key: PRNGKeyArray,
    epochs: int,
    patience: int,
    workdir: Workdir,
) -> FitResult:
    """Trains with early stopping; goes on from the newest checkpoint if there is one.

    Args:
      state: where a fresh run starts; donated.
      run_epoch: one epoch; see `make_epoch`.
      params_of: parameters of a state; see `Trainer`.
      validate: figure of the parameters on the validation split, lower is better.
      describe: further figures of the parameters for the metrics, by name.
      key: source of every epoch's shuffle; epoch e uses `fold_in(key, e)`.
      epochs: most epochs to run.
      patience: epochs without a better figure after which the run ends.
      workdir: where checkpoints and metrics go; see `Workdir.claim`.

    Returns:
      The parameters of the best epoch, and how the run went.

    Raises:
      CheckpointError: a checkpoint cannot be written, or the newest is damaged.
      DivergedError: the loss or the validation figure is not finite; the message
        names the step and the last good checkpoint.
      OSError: the metrics cannot be written.
    """
    best, progress = params_of(state), Progress()
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
        writer = stack.enter_context(
            closing(MetricsWriter(workdir.metrics, workdir.tensorboard, progress.epoch))
        )
        bar = stack.enter_context(closing(ProgressBar(epochs, progress.epoch)))
        while not progress.finished(epochs, patience):
            start = time.perf_counter()
            state, report = run_epoch(state, jax.random.fold_in(key, progress.epoch))
            _check_finite("loss", float(report.loss), int(report.bad_step), checkpoints)
            trained = time.perf_counter() - start
            params = params_of(state)
            value = validate(params)
            _check_finite("validation figure", value, int(state.step), checkpoints)
            progress.epoch += 1
            progress.seconds += time.perf_counter() - start
            if value < progress.best_value:
                progress.best_value, progress.best_epoch = value, progress.epoch
                best = jax.tree.map(lambda x: x.copy(), params)
            figures = {"train_loss": float(report.loss), "validation": value}
            figures |= describe(params)
            row = {"epoch": progress.epoch, "step": int(state.step), **figures}
            writer.write({**row, "seconds": trained})
            bar.update(progress.epoch, figures)
            checkpoints.save(
                progress.epoch,
                {"state": state, "best": best},
                dataclasses.asdict(progress),
            )
    return FitResult(best, progress, writer.rows)


def _check_finite(name: str, value: float, step: int, checkpoints: Checkpoints) -> None:
    if math.isfinite(value):
        return
    good = checkpoints.latest()
    where = f"The last good checkpoint is {good}" if good else "There is no checkpoint"
    raise DivergedError(
        f"The {name} is {value} at step {step}. {where}; lower the learning rate and "
        "start again."
    )
