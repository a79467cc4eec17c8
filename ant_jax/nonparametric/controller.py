"""Choosing the number of anchors while the model trains."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from ant_jax.embeddings.base import check_sizes
from ant_jax.nonparametric.trend import Trend, trend

Tables = Literal["together", "apart", "both"]

# Name of the move that changes all tables at once.
_ALL = "*"


class ControllerState(NamedTuple):
    """State of a `Controller`; its `_asdict` can be stored as JSON.

    Attributes:
      anchors: number of active anchors of every table, by its name.
      values: the last objectives, the newest last.
      directions: direction of each move of a search, 1 or -1, by name.
      evaluations: number of objectives seen.
      turn: index of the move that a search tries.
      before: anchors that the trial of a search returns to; None if there is no trial.
      refused: number of consecutive trials that did not lower the objective.

    Example:
      >>> Controller(max_anchors=16).init({"users": 4}).anchors
      {'users': 4}
    """

    anchors: dict[str, int]
    values: list[float]
    directions: dict[str, int]
    evaluations: int = 0
    turn: int = 0
    before: dict[str, int] | None = None
    refused: int = 0


@dataclasses.dataclass(frozen=True)
class Controller:
    """Grows and shrinks the number of anchors K with the trend of the objective.

    Algorithm 2 (nbANT) of Liang et al., *Anchor & Transform*, ICLR 2021. The objective
    derived by small-variance asymptotics, `loss + l1 |T|_0 + (anchor_cost - l1) K` on
    the validation split, is evaluated once an epoch. While it falls, K grows by `step`;
    while it rises, K shrinks by `step`.

    `tables="together"`, the published algorithm, changes all tables at once.
    `tables="apart"` searches the counts one table at a time: a table moves by a step.
    If the objective has fallen `window - 1` evaluations later, the table keeps the step
    and moves on in the same direction; otherwise it goes back, reverses its direction,
    and the next table takes its turn. The search ends when no table has a better count
    in either direction. `tables="both"` does the same, with a move of all tables at
    once before those of single tables: it finds improvements that take several tables
    together, such as the two factors of a product.

    An objective that falls because the model still learns says nothing about K, and a
    search accepts every trial while that lasts; use `delay` to start it later.

    A controller holds no arrays and has no side effects: `update` maps one state to the
    next.

    Attributes:
      max_anchors: most anchors of a table, or of each table by name; the number that
        its arrays have room for.
      step: anchors by which K changes, the paper's delta K.
      min_anchors: fewest anchors of a table.
      window: number of objectives in a trend.
      tolerance: relative change of the objective that counts as none.
      delay: number of first evaluations during which K does not change.
      warmup: number of evaluations after those during which K always grows.
      trend: "monotone" or "slope", see `trend`.
      tables: "together", "apart" or "both".

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
    delay: int = 0
    warmup: int = 2
    trend: Trend = "monotone"
    tables: Tables = "together"

    def __post_init__(self) -> None:
        check_sizes(step=self.step, min_anchors=self.min_anchors)
        if self.window < 2:
            raise ValueError(f"window must be at least 2, got {self.window}.")
        for name in ("delay", "warmup"):
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name} must be at least 0, got {value}.")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance must be in [0, 1), got {self.tolerance}.")
        if self.trend not in get_args(Trend):
            raise ValueError(
                f"trend must be 'monotone' or 'slope', got {self.trend!r}."
            )
        if self.tables not in get_args(Tables):
            raise ValueError(
                f"tables must be 'together', 'apart' or 'both', got {self.tables!r}."
            )

    def init(self, anchors: Mapping[str, int]) -> ControllerState:
        """Starts with these numbers of anchors.

        Args:
          anchors: number of anchors of every table, by its name, see `num_anchors`.

        Returns:
          The state before the first evaluation.

        Raises:
          ValueError: there is no table, or a number is out of bounds.
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
            dict.fromkeys(self._moves(anchors), 1),
        )

    def update(self, state: ControllerState, objective: float) -> ControllerState:
        """The state after one more evaluation.

        Args:
          state: the state before.
          objective: the value to be lowered, evaluated with the `anchors` of this
            state.

        Returns:
          The new state, whose `anchors` are to be used next.

        Raises:
          ValueError: the objective is not finite.
        """
        if not math.isfinite(objective):
            raise ValueError(
                f"The objective is {objective}: it must be finite to have a trend."
            )
        state = state._replace(
            values=[*state.values, float(objective)][-self.window :],
            evaluations=state.evaluations + 1,
        )
        if state.evaluations <= self.delay:
            return state._replace(values=[])
        if state.evaluations <= self.delay + self.warmup:
            return self._all(state, 1)
        if self.tables != "together":
            return self._try(state)
        if len(state.values) < self.window:
            return state
        return self._all(state, -trend(state.values, self.trend, self.tolerance))

    def _all(self, state: ControllerState, direction: int) -> ControllerState:
        return state._replace(
            anchors=self._moved(state, list(state.anchors), direction)
        )

    def _moves(self, anchors: Mapping[str, int]) -> dict[str, list[str]]:
        """The moves of a search: the tables that each of them changes, by its name."""
        apart = {name: [name] for name in anchors}
        if self.tables == "both" and len(anchors) > 1:
            return {_ALL: list(anchors)} | apart
        return apart

    def _try(self, state: ControllerState) -> ControllerState:
        moves, newest = list(self._moves(state.anchors)), state.values[-1:]
        if state.before is None:
            return self._begin(state._replace(values=newest))
        if len(state.values) < self.window:
            return state
        first = state.values[0]
        if state.values[-1] < first - self.tolerance * abs(first):
            return self._begin(state._replace(values=newest, refused=0))
        return self._refuse(state, moves)._replace(anchors=state.before, before=None)

    def _begin(self, state: ControllerState) -> ControllerState:
        """Makes the move whose turn it is, or the next one that changes anything."""
        moves, state = self._moves(state.anchors), state._replace(before=None)
        names = list(moves)
        while state.refused < 2 * len(names):
            name = names[state.turn]
            moved = self._moved(state, moves[name], state.directions[name])
            if moved != state.anchors:
                return state._replace(anchors=moved, before=state.anchors)
            state = self._refuse(state, names)
        return state

    def _refuse(self, state: ControllerState, moves: list[str]) -> ControllerState:
        """Reverses the move, and gives the next one its turn."""
        name = moves[state.turn]
        return state._replace(
            turn=(state.turn + 1) % len(moves),
            directions=state.directions | {name: -state.directions[name]},
            refused=state.refused + 1,
        )

    def _moved(
        self, state: ControllerState, tables: list[str], direction: int
    ) -> dict[str, int]:
        """The anchors after a step of these tables."""
        changed = {
            name: self._move(name, state.anchors[name], direction) for name in tables
        }
        return state.anchors | changed

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
