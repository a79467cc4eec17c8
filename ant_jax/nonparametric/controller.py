"""Choosing the number of anchors while the model trains."""

import dataclasses
import math
from collections.abc import Mapping
from typing import NamedTuple

from ant_jax.embeddings.base import check_sizes
from ant_jax.nonparametric.trend import trend


class ControllerState(NamedTuple):
    """What a `Controller` remembers; its `_asdict` fits in JSON."""

    anchors: dict[str, int]  # active anchors of every table, by its name
    values: list[float]  # the last objectives, the newest last
    directions: dict[str, int]  # 1 or -1, where each table goes if taken by itself
    evaluations: int = 0  # objectives seen
    # Of a controller that takes tables apart:
    turn: int = 0  # the table it tries to change
    before: dict[str, int] | None = None  # what a trial goes back to; None: no trial
    refused: int = 0  # trials in a row that led nowhere


@dataclasses.dataclass(frozen=True)
class Controller:
    """Grows and shrinks the number of anchors K with the trend of the objective.

    Algorithm 2 (nbANT) of Liang et al., *Anchor & Transform*, ICLR 2021. The objective
    that small-variance asymptotics give, `loss + l1 |T|_0 + (anchor_cost - l1) K` on
    the validation split, is evaluated once an epoch. While it falls, K grows by `step`,
    and while it rises, K shrinks by as much.

    `tables="together"`, the published way, moves all tables at once. `tables="apart"`
    searches the counts coordinate by coordinate: one table moves by a step, and after
    `window - 1` evaluations it is kept, and moves on in the same direction, if the
    objective fell; else it goes back, turns round, and it is the next table's turn.
    Once no table has a better count in either direction, all of them stay.

    A controller holds no arrays and changes nothing: `update` maps one state to the
    next.

    Attributes:
      max_anchors: most anchors of a table, or of each by name; what it has room for.
      step: anchors by which K changes, the paper's delta K.
      min_anchors: fewest anchors of a table.
      window: objectives that make a trend.
      tolerance: relative change of the objective that counts as none.
      warmup: first evaluations after which K always grows.
      trend: "monotone" or "slope", see `trend`.
      tables: "together" or "apart".

    Raises:
      ValueError: a setting is out of range.

    Example:
      >>> controller = Controller(max_anchors=16, step=2, warmup=0)
      >>> state = controller.init({"users": 4, "items": 8})
      >>> for objective in (3.0, 2.0, 1.0):
      ...     state = controller.update(state, objective)
      >>> state.anchors
      {'users': 6, 'items': 10}
    """

    max_anchors: int | Mapping[str, int]
    step: int = 1
    min_anchors: int = 1
    window: int = 3
    tolerance: float = 0.0
    warmup: int = 2
    trend: str = "monotone"
    tables: str = "together"

    def __post_init__(self) -> None:
        check_sizes(step=self.step, min_anchors=self.min_anchors)
        if self.window < 2:
            raise ValueError(f"window must be at least 2, got {self.window}.")
        if self.warmup < 0:
            raise ValueError(f"warmup must be at least 0, got {self.warmup}.")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance must be in [0, 1), got {self.tolerance}.")
        if self.trend not in ("monotone", "slope"):
            raise ValueError(
                f"trend must be 'monotone' or 'slope', got {self.trend!r}."
            )
        if self.tables not in ("together", "apart"):
            raise ValueError(
                f"tables must be 'together' or 'apart', got {self.tables!r}."
            )

    def init(self, anchors: Mapping[str, int]) -> ControllerState:
        """Starts from these numbers of anchors.

        Args:
          anchors: of every table, by its name, see `num_anchors`.

        Raises:
          ValueError: there is none, or a number is not within the limits.
        """
        if not anchors:
            raise ValueError("There is no table whose anchors could be chosen.")
        for name, count in anchors.items():
            most = self._most(name)
            if not self.min_anchors <= count <= most:
                limit = f"max_anchors is {most}, below"
                if count <= most:
                    limit = f"min_anchors is {self.min_anchors}, above"
                raise ValueError(
                    f"{limit} the {count} anchors that table {name!r} starts with."
                )
        return ControllerState(
            {name: int(count) for name, count in anchors.items()},
            [],
            dict.fromkeys(anchors, 1),
        )

    def update(self, state: ControllerState, objective: float) -> ControllerState:
        """The state after one more evaluation.

        Args:
          state: the state before.
          objective: what it is to lower, of the `anchors` of this state.

        Raises:
          ValueError: the objective is not finite.
        """
        if not math.isfinite(objective):
            raise ValueError(f"The objective is {objective}, which has no trend.")
        state = state._replace(
            values=[*state.values, float(objective)][-self.window :],
            evaluations=state.evaluations + 1,
        )
        if state.evaluations <= self.warmup:
            return self._all(state, 1)
        if self.tables == "apart":
            return self._try(state)
        if len(state.values) < self.window:
            return state
        return self._all(state, -trend(state.values, self.trend, self.tolerance))

    def _all(self, state: ControllerState, direction: int) -> ControllerState:
        moved = {
            name: self._move(name, count, direction)
            for name, count in state.anchors.items()
        }
        return state._replace(anchors=moved)

    def _try(self, state: ControllerState) -> ControllerState:
        names, newest = list(state.anchors), state.values[-1:]
        if state.before is None:
            return self._begin(state._replace(values=newest))
        if len(state.values) < self.window:
            return state
        first = state.values[0]
        if state.values[-1] < first - self.tolerance * abs(first):
            return self._begin(state._replace(values=newest, refused=0))
        name = names[state.turn]
        return state._replace(
            anchors=state.before,
            before=None,
            turn=(state.turn + 1) % len(names),
            directions=state.directions | {name: -state.directions[name]},
            refused=state.refused + 1,
        )

    def _begin(self, state: ControllerState) -> ControllerState:
        """Moves the table whose turn it is, or the next that can."""
        names, state = list(state.anchors), state._replace(before=None)
        while state.refused < 2 * len(names):
            name = names[state.turn]
            count, direction = state.anchors[name], state.directions[name]
            moved = self._move(name, count, direction)
            if moved != count:
                return state._replace(
                    anchors=state.anchors | {name: moved}, before=state.anchors
                )
            state = state._replace(
                turn=(state.turn + 1) % len(names),
                directions=state.directions | {name: -direction},
                refused=state.refused + 1,
            )
        return state

    def _move(self, name: str, count: int, direction: int) -> int:
        moved = count + direction * self.step
        return max(self.min_anchors, min(moved, self._most(name)))

    def _most(self, name: str) -> int:
        if not isinstance(self.max_anchors, Mapping):
            return self.max_anchors
        if name not in self.max_anchors:
            raise ValueError(
                f"max_anchors has no entry for table {name!r}, only for "
                f"{sorted(self.max_anchors)}."
            )
        return self.max_anchors[name]
