"""What the programs in PyTorch share."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.batches import draw_batches
from benchmarks.programs.timing import time_steps
from benchmarks.workload import Ratings, Workload

Columns = tuple[Tensor, Tensor, Tensor]  # int64, int64, float32; each (steps, batch)

_TRIAL_RATINGS = 20_000


def to_tensors(ratings: Ratings) -> Columns:
    """The columns as PyTorch takes them."""
    return (
        torch.from_numpy(ratings.users).long(),
        torch.from_numpy(ratings.items).long(),
        torch.from_numpy(ratings.values),
    )


def time_training(
    workload: Workload, train: Callable[[Columns], Any]
) -> tuple[dict[str, Any], Iterator[float]]:
    """Times training with the number of threads that a trial finds faster, one or all.

    Subnormal numbers are flushed to zero, with which decaying momentum would otherwise
    fill the processor.

    Args:
      workload: what the batches are drawn for.
      train: takes a step with each batch.

    Returns:
      What describes the setting, and an iterator over the seconds of turns.
    """
    torch.set_flush_denormal(True)
    steps = -(-_TRIAL_RATINGS // workload.batch_size)
    columns = to_tensors(draw_batches(workload, steps, turn=0))

    def trial(threads: int) -> float:
        torch.set_num_threads(threads)
        train(columns)
        start = time.perf_counter()
        train(columns)
        return time.perf_counter() - start

    threads = min(sorted({1, os.cpu_count() or 1}), key=trial)
    torch.set_num_threads(threads)
    steps, seconds = time_steps(workload, to_tensors, train)
    description = {"version": torch.__version__, "threads": threads, "steps": steps}
    return description, seconds
