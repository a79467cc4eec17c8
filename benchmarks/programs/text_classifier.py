"""Steps of the text classification program, by its own optimizer and by `optax`."""

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from ant_jax import training
from ant_jax.embeddings import half_normal
from ant_jax.optim import LazyRows, rules
from ant_jax.optim.lazy.table import check_status
from benchmarks.programs.timing import time_turns
from benchmarks.texts import TextWorkload, draw_texts
from experiments.data import Names
from experiments.runner import optimizer
from experiments.text_classification.input_pipeline import (
    Examples,
    Prepared,
    Splits,
    Unknown,
)
from experiments.text_classification.models import Classifier
from experiments.text_classification.task import TextClassification

Timed = tuple[dict[str, Any], Iterator[float]]

# Steps for which the effect of idle steps is tabulated.
_MOST_STEPS = 100_000
_MOST_STEPS_OF_A_TURN = 1_000


def make_task(workload: TextWorkload) -> TextClassification:
    """The program's task for a number of words and classes, without texts."""
    none = Examples(*(np.zeros(shape, np.int32) for shape in ((0, 0), 0, 0)))
    names = Names(map(str, range(workload.num_words)))
    counts = np.zeros(workload.num_words, np.int64)
    classes = tuple(map(str, range(workload.num_classes)))
    splits, unknown = Splits(none, none, none), Unknown(0, 0, 0)
    prepared = Prepared(splits, names, counts, counts, classes, unknown)
    return TextClassification(workload.config, prepared)


def make_model(workload: TextWorkload) -> Classifier:
    """Its model."""
    return make_task(workload).model


def ours(workload: TextWorkload) -> Timed:
    """A program of `benchmarks.turns`: the compiled epoch, of few texts."""
    mesh = training.data_mesh(jax.local_devices()[:1])
    keys = jax.random.split(jax.random.key(workload.config.seed), 3)
    init_key, shuffle_key, noise_key = keys
    task = make_task(workload)
    trainer = optimizer.make_trainer(task, mesh, noise_key, _MOST_STEPS)

    def run(state: training.TrainState, data: Examples) -> training.TrainState:
        state, _ = trainer.epoch(state, data, shuffle_key)
        # Steps that could not be taken would be too quick.
        for table in state.tables.values():
            check_status(table)
        return state

    state = create_state(workload, trainer, init_key)
    return time_epochs(workload, run, training.replicate(state, mesh))


def create_state(
    workload: TextWorkload, trainer: training.Trainer, key: PRNGKeyArray
) -> training.TrainState:
    """A state whose lazy rows are made in place, with no second copy of them."""
    config = workload.config
    task = make_task(workload)
    lazy = optimizer.uses_lazy_rows(task)
    if lazy:
        # Fewer words than anchors are refused.
        task = make_task(dataclasses.replace(workload, num_words=config.anchors))
    state = jax.jit(lambda: trainer.create(task.init(key)))()
    if not lazy:
        return state
    table = state.tables["embedding"]
    shape = workload.num_words, table.layout.columns
    drawn = LazyRows(rules.yogi(), config.learning_rate, num_steps=1)
    words = drawn.create(key, shape, half_normal(config.table_stddev)).words
    return state._replace(tables={"embedding": dataclasses.replace(table, words=words)})


def adam(workload: TextWorkload) -> Timed:
    """A program of `benchmarks.turns`: the same model by `optax.adam`.

    All that is not the optimizer is the library's, and so is no reason to be slower.
    """
    config = workload.config
    model = make_model(workload)
    tx = optax.adam(config.learning_rate)

    def loss_fn(params: Any, batch: Examples, key: Array) -> Array:
        return jnp.mean(model.cross_entropy(params, batch, key=key))

    def step(state: Any, batch: Examples) -> tuple[Any, None]:
        params, opt_state, key = state
        key, noise_key = jax.random.split(key)
        gradients = jax.grad(loss_fn)(params, batch, noise_key)
        updates, opt_state = tx.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state, key), None

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state: Any, data: Examples) -> Any:
        batches = jax.tree.map(
            lambda column: column.reshape(-1, config.batch_size, *column.shape[1:]),
            data,
        )
        return lax.scan(step, state, batches)[0]

    @jax.jit
    def create(key: Array) -> Any:
        params = model.init(key, config.length)
        return params, tx.init(params), key

    return time_epochs(workload, run, create(jax.random.key(config.seed)))


def time_epochs(
    workload: TextWorkload, run: Callable[[Any, Examples], Any], state: Any
) -> Timed:
    """Times a function that trains on texts.

    Args:
      workload: what the texts are drawn for.
      run: takes a state, which it may donate, and texts of whole batches; returns the
        next state.
      state: the first one.

    Returns:
      What describes the setting, and an iterator over the seconds of turns.
    """

    def turn(steps: int, count: int) -> float:
        nonlocal state
        texts = draw_texts(workload, steps * workload.config.batch_size, count)
        data = jax.block_until_ready(jax.tree.map(jnp.asarray, texts))
        start = time.perf_counter()
        state = jax.block_until_ready(run(state, data))
        return time.perf_counter() - start

    steps, seconds = time_turns(turn, _MOST_STEPS_OF_A_TURN)
    description = {
        "version": jax.__version__,
        "threads": os.cpu_count(),
        "steps": steps,
    }
    return description, seconds
