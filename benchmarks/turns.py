"""Programs that take turns, each in a process of its own.

Whatever else the machine does falls on all of them.

A program is a function `job -> (description, seconds)`: it sets up, compiles and warms
up, and returns what describes its setting and an iterator each `next` of which runs it
once and gives the seconds of that.
"""

import dataclasses
import importlib
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any

from experiments.runner.memory import peak_rss_bytes

Run = Callable[[Any], tuple[dict[str, Any], Iterator[float]]]

_QUIET_LOAD = 0.5
_MOST_REPETITIONS = 15
_ENOUGH_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Program:
    """What a process runs.

    Attributes:
      entry: where the function is, "module:function"; imported in that process alone.
      job: its argument.
    """

    entry: str
    job: Any


@dataclasses.dataclass(frozen=True)
class Timing:
    """What a program's turns took.

    Attributes:
      description: what the program says of its setting.
      seconds: of every turn.
      peak_rss_bytes: the most memory its process has held.
    """

    description: dict[str, Any]
    seconds: list[float]
    peak_rss_bytes: int

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)


def take_turns(
    programs: Mapping[str, Program], enough: Callable[[list[list[float]]], bool]
) -> dict[str, Timing]:
    """Runs programs one after the other, round by round.

    Args:
      programs: by name.
      enough: given the seconds of every program so far, whether to stop.

    Returns:
      The timing of each program.

    Raises:
      RuntimeError: a program failed; its traceback stands above.
    """
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    workers = []
    descriptions: dict[str, dict[str, Any]] = {}
    seconds: dict[str, list[float]] = {}
    peaks: dict[str, int] = {}
    try:
        # One sets up at a time: some choose their number of threads by a trial.
        for name, program in programs.items():
            pipes[name], theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(theirs, program), daemon=True)
            worker.start()
            theirs.close()
            workers.append(worker)
            descriptions[name], seconds[name] = _receive(name, pipes[name]), []
        while not enough(list(seconds.values())):
            for name, pipe in pipes.items():
                pipe.send("turn")
                time, peaks[name] = _receive(name, pipe)
                seconds[name].append(time)
    finally:
        for pipe in pipes.values():
            pipe.close()
        for worker in workers:
            worker.join(timeout=10)
            worker.kill()
    return {
        name: Timing(descriptions[name], seconds[name], peaks[name])
        for name in programs
    }


def enough_turns(repetitions: int) -> Callable[[list[list[float]]], bool]:
    """Says of short turns that more are needed, up to 15 of them or ten seconds.

    Args:
      repetitions: least number of turns of each program.

    Returns:
      What `take_turns` asks.
    """

    def enough(seconds: list[list[float]]) -> bool:
        count = len(seconds[0])
        if count < repetitions:
            return False
        return count >= _MOST_REPETITIONS or sum(map(sum, seconds)) >= _ENOUGH_SECONDS

    return enough


def warn_if_busy() -> float:
    """Tells the user when others use the machine; returns its load."""
    load = os.getloadavg()[0]
    if load > _QUIET_LOAD:
        print(
            f"The machine is busy (load {load:.1f}): the times will be too long, and "
            "those of several threads most of all.",
            file=sys.stderr,
        )
    return load


def _serve(pipe: Connection, program: Program) -> None:
    module, _, function = program.entry.partition(":")
    run: Run = getattr(importlib.import_module(module), function)
    description, seconds = run(program.job)
    pipe.send(description)
    try:
        while True:
            pipe.recv()
            pipe.send((next(seconds), peak_rss_bytes()))
    except EOFError:
        return


def _receive(name: str, pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise RuntimeError(
            f"The {name} program ended early; see above for why."
        ) from None
