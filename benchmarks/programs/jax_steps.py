"""What the programs in JAX share."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.programs.timing import time_steps
from benchmarks.workload import Ratings, Workload
from experiments.recommendation.input_pipeline import Examples


def to_examples(ratings: Ratings) -> Examples:
    """The columns as arrays of JAX."""
    columns = ratings.users, ratings.items, ratings.values
    return Examples(*map(jnp.asarray, columns))


def time_scan(
    workload: Workload, run: Callable[[Any, Examples], Any], state: Any
) -> tuple[dict[str, Any], Iterator[float]]:
    """Times a compiled scan over batches.

    Args:
      workload: what the batches are drawn for.
      run: takes a state, which it may donate, and examples `(steps, batch)`; returns
        the next state.
      state: the first one.

    Returns:
      What describes the setting, and an iterator over the seconds of turns.
    """

    def advance(examples: Examples) -> None:
        nonlocal state
        state = jax.block_until_ready(run(state, examples))

    steps, seconds = time_steps(workload, to_examples, advance)
    description = {
        "version": jax.__version__,
        "threads": os.cpu_count(),
        "steps": steps,
    }
    return description, seconds
