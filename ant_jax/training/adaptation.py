"""Letting the number of anchors follow the objective while a model trains."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ant_jax.nonparametric.controller import Controller, ControllerState
from ant_jax.nonparametric.masking import count_nonzeros, take_anchors
from ant_jax.training.state import TrainState


class Adaptation(NamedTuple):
    """How many anchors to start with, and what their number is to lower.

    Of the trainer it takes `resize` alone, so it goes with every model.
    """

    controller: Controller
    start: Mapping[str, int]  # anchors of every table, by its name; see `num_anchors`
    # (loss on the validation split, non-zeros of T, anchors) -> figure to minimize
    objective: Callable[[float, int, int], float]
    resize: Callable[[TrainState, Mapping[str, int]], TrainState]  # see `Trainer`

    def begin(
        self, state: TrainState, saved: Mapping[str, Any] | None = None
    ) -> tuple[TrainState, ControllerState]:
        """The state with the anchors to start with; `saved` is a `ControllerState`.

        Raises:
          ValueError: there are too many for the controller or for the tables.
        """
        if saved is not None:
            return state, ControllerState(**saved)
        control = self.controller.init(self.start)
        return self.resize(state, control.anchors), control

    def evaluate(self, control: ControllerState, params: Any, loss: float) -> float:
        """The objective of parameters with this loss, masked to the active anchors."""
        nonzeros = count_nonzeros(params)
        return float(self.objective(loss, nonzeros, sum(control.anchors.values())))

    def move(
        self, state: TrainState, control: ControllerState, value: float
    ) -> tuple[TrainState, ControllerState]:
        """What follows on an objective of this value; the state is donated."""
        new = self.controller.update(control, value)
        if new.anchors != control.anchors:
            state = self.resize(state, new.anchors)
        return state, new


def anchor_figures(anchors: Mapping[str, int]) -> dict[str, int]:
    """The numbers of anchors as columns of the metrics."""
    return {f"anchors_{name}" if name else "anchors": k for name, k in anchors.items()}


def shipped(params: Any, anchors: Mapping[str, int] | None) -> Any:
    """The parameters as small as they are shipped."""
    return params if anchors is None else take_anchors(params, anchors)
