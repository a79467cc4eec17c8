"""The recommendation program's own training epoch, on the benchmark's ratings."""

import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import jax

from ant_jax import training
from benchmarks.workload import Workload, synthetic_ratings
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.optimizer import make_epoch, make_trainer, schedules
from experiments.recommendation.train import make_model

_MOST_EPOCHS = 50


def epochs(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """Sets up training, compiles it and measures epochs of it.

    Args:
      workload: what to train.

    Returns:
      What describes the setting, and an iterator: each `next` trains for an epoch and
      gives its seconds.
    """
    user_anchors, item_anchors = workload.anchors or (1, 1)
    config = Config(
        method="full" if workload.anchors is None else "ant",
        features=workload.features,
        user_anchors=user_anchors,
        item_anchors=item_anchors,
        l1=workload.l1,
        learning_rate=workload.learning_rate,
        halving_steps=workload.decay_steps,
        batch_size=workload.batch_size,
        seed=workload.seed,
    )
    ratings = synthetic_ratings(workload)
    model = make_model(config, workload.num_users, workload.num_items)
    mesh = training.data_mesh()
    steps = workload.num_ratings // workload.batch_size * _MOST_EPOCHS
    trainer = make_trainer(config, model, *schedules(config), steps, mesh)
    data = training.replicate(
        Examples(ratings.users, ratings.items, ratings.values), mesh
    )
    params = model.init(jax.random.key(workload.seed), float(ratings.values.mean()))
    state = training.replicate(trainer.create(params), mesh)
    epoch = make_epoch(config, trainer, mesh)

    def measured() -> Iterator[float]:
        nonlocal state
        for key in _keys(workload.seed):
            start = time.perf_counter()
            state, _ = jax.block_until_ready(epoch(state, data, key))
            yield time.perf_counter() - start

    seconds = measured()
    # The first epoch compiles.
    next(seconds)
    return {"version": jax.__version__, "threads": os.cpu_count()}, seconds


def _keys(seed: int) -> Iterator[jax.Array]:
    for count in itertools.count():
        yield jax.random.fold_in(jax.random.key(seed), count)
