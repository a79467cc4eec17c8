"""Trains matrix factorization on ratings and ships its tables."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import ant_jax as ant
from ant_jax import training
from ant_jax.embeddings import half_normal
from ant_jax.files import write_atomically
from ant_jax.optim import halving_schedule, warmup_schedule
from ant_jax.report import training_curves
from experiments.data import Ratings, load_ratings
from experiments.provenance import provenance
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import split_ratings
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)

_EVALUATION_BATCH = 8192


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
    ratings = load_ratings(config.dataset, config.data_dir, cache_dir)
    with training.Workdir(workdir) as folder:
        folder.claim(dataclasses.asdict(config), mode)
        return folder.read_result() or _train(config, ratings, folder, devices)


def _train(
    config: Config, ratings: Ratings, folder: training.Workdir, devices: Any
) -> dict[str, Any]:
    mesh = training.data_mesh(devices)
    splits = training.replicate(split_ratings(ratings, config.seed), mesh)
    model = make_model(config, len(ratings.user_ids), len(ratings.item_ids))
    tx = make_optimizer(config)
    init_key, shuffle_key = jax.random.split(jax.random.key(config.seed))
    start = float(jnp.mean(splits.train.ratings))
    params = training.replicate(model.init(init_key, start), mesh)
    state = training.create_state(params, tx)

    epoch = training.make_epoch(
        lambda params, batch: jnp.mean(model.squared_error(params, batch)),
        tx,
        config.batch_size,
        mesh,
    )
    evaluate = training.make_evaluate(model.squared_error, _EVALUATION_BATCH, mesh)
    fitted = training.fit(
        training.replicate(state, mesh),
        run_epoch=lambda state, key: epoch(state, splits.train, key),
        validate=lambda params: float(evaluate(params, splits.validation)),
        describe=lambda params: _describe(model, params),
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=folder,
    )

    test_error = float(evaluate(fitted.params, splits.test))
    emb_bytes = ship(folder.artifact, model, fitted.params, ratings)
    training_curves(fitted.history, folder.curves)
    result = {
        "task": "recommendation",
        "dataset": config.dataset,
        "method": config.method,
        "metric": "mse",
        "value": test_error,
        "split": "test",
        "validation": fitted.progress.best_value,
        "emb_params": model.num_params(fitted.params),
        "emb_bytes": emb_bytes,
        "dense_params": _dense_params(model),
        "seed": config.seed,
        "epochs": fitted.progress.epoch,
        "best_epoch": fitted.progress.best_epoch,
        "wall_s": round(fitted.progress.seconds, 3),
        "examples_per_s": _throughput(fitted.history, config.batch_size),
        **provenance(),
        "config": dataclasses.asdict(config),
    }
    write_atomically(folder.result, json.dumps(result, indent=2) + "\n")
    return result


def make_model(config: Config, num_users: int, num_items: int) -> MatrixFactorization:
    """The model of a config for so many users and items."""

    def embedding(size: int, anchors: int) -> ant.Embedding:
        if config.method == "full":
            return ant.FullEmbedding(size, config.features)
        return ant.AnchorEmbedding(
            size,
            config.features,
            anchors,
            anchors_init=half_normal(config.anchors_stddev),
        )

    return MatrixFactorization(
        embedding(num_users, config.user_anchors),
        embedding(num_items, config.item_anchors),
        config.biases,
    )


def make_optimizer(config: Config) -> optax.GradientTransformationExtraArgs:
    """Yogi with a halving rate, and its proximal twin for the transforms."""
    rate: Any = config.learning_rate
    if config.halving_steps:
        rate = halving_schedule(rate, config.halving_steps)
    l1: Any = config.l1
    if config.l1_warmup_steps:
        l1 = warmup_schedule(l1, config.l1_warmup_steps)
    return optax.multi_transform(
        {
            "transform": ant.proximal_yogi(rate, l1, metric=config.metric),
            "other": ant.yogi(rate),
        },
        ant.param_labels,
    )


def ship(
    folder: Path, model: MatrixFactorization, params: Any, ratings: Ratings
) -> int:
    """Writes tables, biases and a description; returns the bytes of the tables.

    Names of users and items are stored too but not counted: any table needs them.

    `model.json` names the files; a rating is the product of the two vectors, plus
    `bias`, plus the biases of user and item where there are files of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, tuple[Any, Any, Any]] = {
        "users": (model.users, params.users, ratings.user_ids),
        "items": (model.items, params.items, ratings.item_ids),
    }
    for name in ("user_bias", "item_bias"):
        bias = getattr(params, name)
        if bias is not None:
            column = ant.FullEmbedding(len(bias), 1)
            tables[name] = (column, ant.FullParams(bias[:, None]), None)
    size = 0
    for name, (embedding, values, vocab) in tables.items():
        path = folder / f"{name}.safetensors"
        sizes = ant.compact.save(path, embedding, values, vocab)
        names = (n for part, n in sizes.parts.items() if part.startswith("vocab"))
        size += sizes.total - sum(names)
    description = {
        "model": "matrix_factorization",
        "bias": float(params.bias),
        "tables": {name: f"{name}.safetensors" for name in tables},
    }
    write_atomically(folder / "model.json", json.dumps(description, indent=2) + "\n")
    return size


def _describe(
    model: MatrixFactorization, params: MatrixFactorizationParams
) -> dict[str, int]:
    transforms = [
        table.transform
        for table in (params.users, params.items)
        if isinstance(table, ant.AnchorParams)
    ]
    non_zeros = [int(jnp.count_nonzero(transform)) for transform in transforms]
    if transforms and not any(non_zeros):
        raise training.CollapsedError(
            "Every entry of T, of users and of items, is zero, and no gradient can "
            "bring one back. Lower --l1, raise --l1_warmup_steps or --anchors_stddev, "
            "and start again."
        )
    figures = {"emb_params": model.num_params(params)}
    return figures | ({"non_zeros": sum(non_zeros)} if transforms else {})


def _dense_params(model: MatrixFactorization) -> int:
    objects = model.users.num_embeddings + model.items.num_embeddings
    return objects * (model.users.features + model.biases)


def _throughput(history: list[dict[str, Any]], batch_size: int) -> float | None:
    """Examples a second of the median epoch; the first, which compiles, is left out."""
    steps = np.diff([row["step"] for row in history])
    seconds = np.array([row["seconds"] for row in history[1:]])
    if not len(steps):
        return None
    return round(float(np.median(steps * batch_size / seconds)), 1)
