"""Turns long enough for a clock, each on batches of its own."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.batches import draw_batches
from benchmarks.workload import Ratings, Workload

Batches = TypeVar("Batches")

TURN_SECONDS = 0.5
_TRIAL_STEPS = 4
_MOST_RATINGS = 1 << 21  # in a turn: little memory beside a large table


def time_steps(
    workload: Workload,
    prepare: Callable[[Ratings], Batches],
    run: Callable[[Batches], None],
) -> tuple[int, Iterator[float]]:
    """Times a function that trains on batches.

    Args:
      workload: what the batches are drawn for.
      prepare: makes of them what the function takes; not timed.
      run: takes a step with each and waits for the last. A first call with that
        number of batches may compile and is not timed.

    Returns:
      The number of steps of a turn, and an iterator over the seconds of turns.
    """

    def turn(steps: int, count: int) -> float:
        batches = prepare(draw_batches(workload, steps, count))
        start = time.perf_counter()
        run(batches)
        return time.perf_counter() - start

    return time_turns(turn, _MOST_RATINGS // workload.batch_size)


def time_turns(
    turn: Callable[[int, int], float], most_steps: int
) -> tuple[int, Iterator[float]]:
    """Finds how many steps make a turn.

    Args:
      turn: given a number of steps and that of the turn, takes them and gives their
        seconds. A first call with that number may compile and is not timed.
      most_steps: of a turn, however quick they are.

    Returns:
      The number of steps of a turn, and an iterator over the seconds of turns.
    """
    turn(_TRIAL_STEPS, 0)
    steps = int(_TRIAL_STEPS * TURN_SECONDS / turn(_TRIAL_STEPS, 1))
    steps = max(2, min(steps, most_steps))
    turn(steps, 2)
    return steps, (turn(steps, count) for count in itertools.count(3))
