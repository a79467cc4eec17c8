"""Letting the number of anchors follow the objective while a model trains."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ant_jax.nonparametric import Controller, ControllerState, objective, take_anchors
from ant_jax.pruning import num_nonzeros
from ant_jax.training import Trainer, TrainState
from experiments.runner.config import TrainingConfig


class Adaptation(NamedTuple):
    """How many anchors to start with, and what their number is to lower."""

    controller: Controller
    start: Mapping[str, int]  # anchors of every table, by its name; see `num_anchors`
    # (loss on the validation split, non-zeros of T, anchors) -> number to minimize
    objective: Callable[[float, int, int], float]

    def begin(
        self,
        trainer: Trainer,
        state: TrainState,
        saved: Mapping[str, Any] | None = None,
    ) -> tuple[TrainState, ControllerState]:
        """The state with the anchors to start with; `saved` is a `ControllerState`.

        Raises:
          ValueError: there are too many for the controller or for the tables.
        """
        if saved is not None:
            return state, ControllerState(**saved)
        control = self.controller.init(self.start)
        return trainer.resize(state, control.anchors), control

    def evaluate(self, control: ControllerState, params: Any, loss: float) -> float:
        """The objective of parameters with this loss, masked to the active anchors."""
        anchors = sum(control.anchors.values())
        return float(self.objective(loss, num_nonzeros(params), anchors))

    def move(
        self,
        trainer: Trainer,
        state: TrainState,
        control: ControllerState,
        value: float,
    ) -> tuple[TrainState, ControllerState]:
        """What follows on an objective of this value; the state is donated."""
        new = self.controller.update(control, value)
        if new.anchors != control.anchors:
            state = trainer.resize(state, new.anchors)
        return state, new


def make_adaptation(config: TrainingConfig) -> Adaptation | None:
    """What a config asks for; None where the number of anchors is fixed."""
    if config.method != "nbant":
        return None
    controller = Controller(
        max_anchors=config.max_anchors,
        step=config.anchor_step,
        window=config.trend_window,
        tolerance=config.trend_tolerance,
        delay=config.trend_delay,
        warmup=config.trend_warmup,
        trend=config.trend,
        tables=config.anchors_move,
    )
    price = config.l1 if config.nonzero_cost is None else config.nonzero_cost

    def of(loss: float, nonzeros: int, anchors: int) -> float:
        return float(objective(loss, nonzeros, anchors, price, config.anchor_cost))

    start = {table: config.anchors_of(table) for table in config.ANCHORS}
    return Adaptation(controller, start, of)


def anchor_counts(anchors: Mapping[str, int]) -> dict[str, int]:
    """The numbers of anchors as columns of the metrics."""
    return {f"anchors_{name}" if name else "anchors": k for name, k in anchors.items()}


def shipped(params: Any, anchors: Mapping[str, int] | None) -> Any:
    """The parameters as small as they are shipped."""
    return params if anchors is None else take_anchors(params, anchors)
