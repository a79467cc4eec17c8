"""Trains matrix factorization on ratings and ships its tables."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from ant_jax import training
from ant_jax.files import write_atomically
from ant_jax.nonparametric import num_anchors
from ant_jax.report import training_curves
from experiments.data import load_ratings
from experiments.provenance import provenance
from experiments.recommendation.adapt import fit_anchors, make_adaptation
from experiments.recommendation.artifact import ship
from experiments.recommendation.configs import Config
from experiments.recommendation.embeddings import make_embedding
from experiments.recommendation.input_pipeline import Prepared, prepare
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)
from experiments.recommendation.optimizer import make_epoch, make_trainer, schedules
from experiments.recommendation.shrink import SPARSE, check_budgets, make_shrinker
from experiments.recommendation.warm_start import warm_start
from experiments.throughput import throughput

EVALUATION_BATCH = 8192


def train_and_evaluate(
    config: Config,
    workdir: str | Path,
    mode: training.workdir.Mode = "new",
    cache_dir: str | None = None,
    devices: Any = None,
) -> dict[str, Any]:
    """Trains, tests once, and writes result, artifact and picture to the workdir.

    Args:
      config: the settings.
      workdir: folder of the run.
      mode: what to do when a run is there already; see `training.Workdir.claim`.
      cache_dir: folder of prepared data; see `load_ratings`.
      devices: devices to train on; all local ones when None.

    Returns:
      What `result.json` holds.

    Raises:
      DataError: the ratings cannot be read.
      OSError: a file of the run cannot be written.
      TrainingError: the work directory is taken or cannot be written, the loss is not
        finite, or T collapsed to zero.
      ValueError: the batch is too large or does not divide by the devices.
    """
    ratings = load_ratings(
        config.dataset,
        config.data_dir,
        cache_dir,
        rating_range=config.rating_limits,
    )
    mesh = training.data_mesh(devices)
    prepared = prepare(ratings, config.seed, seen_only=config.seen_only)
    model = make_model(config, prepared)
    # What cannot work is refused before an earlier run is touched.
    training.check_batch_size(config.batch_size, mesh, len(prepared.splits.train.users))
    check_budgets(config, model)
    with training.Workdir(workdir) as folder:
        folder.claim(dataclasses.asdict(config), mode, dataclasses.asdict(Config()))
        return folder.read_result() or _train(config, model, prepared, mesh, folder)


def _train(
    config: Config,
    model: MatrixFactorization,
    prepared: Prepared,
    mesh: Mesh,
    folder: training.Workdir,
) -> dict[str, Any]:
    splits = training.replicate(prepared.splits, mesh)
    steps = len(splits.train.users) // config.batch_size * config.epochs
    trainer = make_trainer(
        config, model, prepared, *schedules(config), num_steps=steps, mesh=mesh
    )
    init_key, shuffle_key = jax.random.split(jax.random.key(config.seed))
    start = float(jnp.mean(splits.train.ratings))
    params = training.replicate(model.init(init_key, start), mesh)
    if config.warm_start_epochs:
        params = warm_start(config, prepared, splits.train, params, shuffle_key, mesh)
    epoch = make_epoch(config, trainer, mesh)
    evaluate = training.make_evaluate(model.squared_error, EVALUATION_BATCH, mesh)

    def validate(params: MatrixFactorizationParams) -> float:
        return float(evaluate(params, splits.validation))

    fitted = training.fit(
        training.replicate(trainer.create(params), mesh),
        run_epoch=lambda state, key: epoch(state, splits.train, key),
        params_of=trainer.params,
        validate=validate,
        describe=lambda params: describe(model, params),
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=folder,
        adaptation=make_adaptation(config, trainer),
    )

    start_of_refit = time.perf_counter()
    model, params = fit_anchors(model, fitted.params), fitted.params
    before = {"validation": validate(params), "emb_params": model.num_params(params)}
    shrunk = [params]
    if config.method in SPARSE:
        shrinker = make_shrinker(
            config, model, prepared, splits.train, validate, shuffle_key, mesh
        )
        shrunk = shrinker.shrink(params)
    seconds = fitted.progress.seconds + time.perf_counter() - start_of_refit
    rows = [
        {
            "value": float(evaluate(params, splits.test)),
            "validation": validate(params),
            "emb_params": model.num_params(params),
            "emb_bytes": ship(
                _artifact(folder, config, index), model, params, prepared
            ),
        }
        for index, params in enumerate(shrunk)
    ]
    training_curves(fitted.history, folder.curves)
    result = {
        "task": "recommendation",
        "dataset": config.dataset,
        "method": config.method,
        "metric": "mse",
        "split": "test",
        **rows[-1],
        "budgets": rows if config.limits else [],
        "dense_params": _dense_params(config, model),
        "anchors": num_anchors(fitted.params),
        "before_pruning": before,
        "seed": config.seed,
        "epochs": fitted.progress.epoch,
        "best_epoch": fitted.progress.best_epoch,
        "dropped": prepared.dropped and prepared.dropped._asdict(),
        "wall_s": round(seconds, 3),
        "examples_per_s": throughput(fitted.history, config.batch_size),
        **provenance(),
        "config": dataclasses.asdict(config),
    }
    write_atomically(folder.result, json.dumps(result, indent=2) + "\n")
    return result


def _artifact(folder: training.Workdir, config: Config, index: int) -> Path:
    """Where a budget is shipped; the last one to where a run without budgets is."""
    if index >= len(config.limits) - 1:
        return folder.artifact
    return folder.artifact / str(config.limits[index])


def make_model(config: Config, prepared: Prepared) -> MatrixFactorization:
    """The model of a config for the users and items of a data set."""
    nbant = config.method == "nbant"
    user_anchors = config.max_anchors if nbant else config.user_anchors
    item_anchors = config.max_anchors if nbant else config.item_anchors
    return MatrixFactorization(
        make_embedding(config, prepared.user_counts, user_anchors),
        make_embedding(config, prepared.item_counts, item_anchors),
        config.biases,
    )


def describe(
    model: MatrixFactorization, params: MatrixFactorizationParams
) -> dict[str, int]:
    """Sizes of parameters, for the metrics.

    Raises:
      CollapsedError: every entry of T is zero.
    """
    counts = model.non_zeros(params)
    if counts and not any(counts):
        raise training.CollapsedError(
            "Every entry of T, of users and of items, is zero, and no gradient can "
            "bring one back. Lower --l1, raise --l1_warmup_steps or --anchors_stddev, "
            "and start again."
        )
    figures = {"emb_params": model.num_params(params)}
    return figures | ({"non_zeros": sum(counts)} if counts else {})


def _dense_params(config: Config, model: MatrixFactorization) -> int:
    objects = model.users.num_embeddings + model.items.num_embeddings
    return objects * (config.features + config.biases)
