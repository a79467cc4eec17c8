"""The recommendation program's own training epoch, set up for timing."""

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ant_jax import training
from benchmarks import workload as workloads
from benchmarks.workload import Workload
from experiments.data import Names
from experiments.data.synthetic import Skew, synthetic_ratings
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import (
    Examples,
    Prepared,
    Splits,
    prepare,
)
from experiments.recommendation.task import Recommendation
from experiments.runner.optimizer import make_trainer

Timed = tuple[dict[str, Any], Iterator[float]]

_MOST_EPOCHS = 50


@dataclasses.dataclass(frozen=True)
class Job:
    """What the program trains, and on ratings of which sizes and skew."""

    config: Config
    skew: Skew


def on_generated_ratings(job: Job) -> Timed:
    """A program of `benchmarks.turns`: data are prepared as the program does it."""
    ratings = synthetic_ratings(job.skew, job.config.seed)
    return time_epochs(job.config, prepare(ratings, job.config.seed))


def epochs(workload: Workload) -> Timed:
    """A program of `benchmarks.turns`, on the ratings of a workload as they are."""
    ratings = workloads.synthetic_ratings(workload)
    train = Examples(ratings.users, ratings.items, ratings.values)
    prepared = as_prepared(workload.num_users, workload.num_items, train)
    return time_epochs(to_config(workload), prepared)


def time_epochs(config: Config, prepared: Prepared) -> Timed:
    """Sets up training, compiles it and measures epochs of it.

    Args:
      config: what to train.
      prepared: the data.

    Returns:
      What describes the setting, and an iterator: each `next` trains for an epoch and
      gives its seconds.
    """
    task = Recommendation(config, prepared)
    mesh, train = training.data_mesh(), prepared.splits.train
    steps = len(train.users) // config.batch_size
    key = jax.random.key(config.seed)
    trainer = make_trainer(task, mesh, key, steps * _MOST_EPOCHS)
    data = training.replicate(train, mesh)
    mean = float(train.ratings.mean())
    state = jax.jit(lambda: trainer.create(task.model.init(key, mean)))()
    state = training.replicate(state, mesh)

    def measured() -> Iterator[float]:
        nonlocal state
        for count in itertools.count():
            shuffle = jax.random.fold_in(key, count)
            start = time.perf_counter()
            state, _ = jax.block_until_ready(trainer.epoch(state, data, shuffle))
            yield time.perf_counter() - start

    seconds = measured()
    # The first epoch compiles.
    next(seconds)
    description = {
        "version": jax.__version__,
        "threads": os.cpu_count(),
        "steps": steps,
        "ratings": len(train.users),
    }
    return description, seconds


def to_config(workload: Workload, **changes: Any) -> Config:
    """The program's settings for a workload."""
    user_anchors, item_anchors = workload.anchors or (1, 1)
    settings: dict[str, Any] = {
        "method": "full" if workload.anchors is None else "ant",
        "features": workload.features,
        "user_anchors": user_anchors,
        "item_anchors": item_anchors,
        "l1": workload.l1,
        "learning_rate": workload.learning_rate,
        "halving_steps": workload.decay_steps,
        "batch_size": workload.batch_size,
        "seed": workload.seed,
    }
    return Config(**(settings | changes))


def as_prepared(
    num_users: int, num_items: int, train: Examples | None = None
) -> Prepared:
    """Training examples as they are, or none, with nothing to be held out or named."""
    none = Examples(*(np.empty(0, t) for t in (np.int32, np.int32, np.float32)))
    names = Names([])
    # Tens of millions of zeros that take no memory.
    counts = (np.broadcast_to(np.int64(0), n) for n in (num_users, num_items))
    return Prepared(Splits(train or none, none, none), names, names, *counts)
