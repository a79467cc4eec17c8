"""Trains matrix factorization on ratings and ships its tables."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

import ant_jax as ant
from ant_jax import training
from ant_jax.embeddings import (
    half_normal,
    prune_to_size,
    prune_to_tolerance,
    restrict,
    support,
)
from ant_jax.files import write_atomically
from ant_jax.optim import halving_schedule, warmup_schedule
from ant_jax.report import training_curves
from experiments.data import Ratings, load_ratings
from experiments.provenance import provenance
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples, split_ratings
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
    tx = make_optimizer(*schedules(config), config.metric)
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

    def validate(params: MatrixFactorizationParams) -> float:
        return float(evaluate(params, splits.validation))

    fitted = training.fit(
        training.replicate(state, mesh),
        run_epoch=lambda state, key: epoch(state, splits.train, key),
        validate=validate,
        describe=lambda params: _describe(model, params),
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=folder,
    )

    params = shrink(config, model, fitted.params, validate)
    if params is not fitted.params:
        params = refit(config, model, params, splits.train, validate, shuffle_key, mesh)
    test_error = float(evaluate(params, splits.test))
    emb_bytes = ship(folder.artifact, model, params, ratings)
    training_curves(fitted.history, folder.curves)
    result = {
        "task": "recommendation",
        "dataset": config.dataset,
        "method": config.method,
        "metric": "mse",
        "value": test_error,
        "split": "test",
        "validation": validate(params),
        "emb_params": model.num_params(params),
        "emb_bytes": emb_bytes,
        "dense_params": _dense_params(model),
        "before_pruning": {
            "validation": fitted.progress.best_value,
            "emb_params": model.num_params(fitted.params),
        },
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


def shrink(
    config: Config,
    model: MatrixFactorization,
    params: MatrixFactorizationParams,
    validate: Callable[[Any], float],
) -> MatrixFactorizationParams:
    """Drops what T does not need, and what a limit on its size does not leave room for.

    Raises:
      ValueError: the limit is below what is not in T.
    """
    if config.method != "ant":
        return params
    params, _ = prune_to_tolerance(params, validate, config.prune_tolerance)
    if config.max_emb_params is None:
        return params
    dense = model.num_params(params) - sum(non_zeros(params))
    if dense > config.max_emb_params:
        raise ValueError(
            f"max_emb_params is {config.max_emb_params}, but the anchors alone are "
            f"{dense} parameters."
        )
    return prune_to_size(params, config.max_emb_params - dense)


def refit(
    config: Config,
    model: MatrixFactorization,
    params: MatrixFactorizationParams,
    train: Examples,
    validate: Callable[[Any], float],
    key: PRNGKeyArray,
    mesh: Mesh,
) -> MatrixFactorizationParams:
    """Trains on without the penalty, which shrinks what it keeps; zeros of T stay zero.

    Returns:
      The parameters of the best epoch on the validation split, or those given.

    Raises:
      DivergedError: the loss is not finite.
    """
    where = support(params)
    rate = halving_schedule(
        config.refit_learning_rate, max(1, len(train.users) // config.batch_size)
    )
    tx = make_optimizer(rate, 0.0, config.metric)
    epoch = training.make_epoch(
        lambda params, batch: jnp.mean(
            model.squared_error(restrict(params, where), batch)
        ),
        tx,
        config.batch_size,
        mesh,
    )
    best, lowest = params, validate(params)
    # The epoch donates its state.
    state = training.create_state(jax.tree.map(jnp.copy, params), tx)
    for index in range(config.refit_epochs):
        # Shuffles that no epoch of the fit has had.
        refit_key = jax.random.fold_in(key, config.epochs + index)
        state, report = epoch(training.replicate(state, mesh), train, refit_key)
        if int(report.bad_step) >= 0:
            raise training.DivergedError(
                f"The loss of the refit is not finite at step {int(report.bad_step)}: "
                "lower --refit_learning_rate and start again."
            )
        error = validate(state.params)
        if error < lowest:
            best, lowest = jax.tree.map(jnp.copy, state.params), error
    return best


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


def make_optimizer(
    rate: Any, l1: Any, metric: str
) -> optax.GradientTransformationExtraArgs:
    """Yogi, and its proximal twin for the transforms."""
    return optax.multi_transform(
        {
            "transform": ant.proximal_yogi(rate, l1, metric=metric),
            "other": ant.yogi(rate),
        },
        ant.param_labels,
    )


def schedules(config: Config) -> tuple[Any, Any]:
    """Learning rate and penalty of a config, numbers or schedules."""
    rate: Any = config.learning_rate
    if config.halving_steps:
        rate = halving_schedule(rate, config.halving_steps)
    l1: Any = config.l1
    if config.l1_warmup_steps:
        l1 = warmup_schedule(l1, config.l1_warmup_steps)
    return rate, l1


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
    counts = non_zeros(params)
    if counts and not any(counts):
        raise training.CollapsedError(
            "Every entry of T, of users and of items, is zero, and no gradient can "
            "bring one back. Lower --l1, raise --l1_warmup_steps or --anchors_stddev, "
            "and start again."
        )
    figures = {"emb_params": model.num_params(params)}
    return figures | ({"non_zeros": sum(counts)} if counts else {})


def non_zeros(params: MatrixFactorizationParams) -> list[int]:
    """Non-zeros of the transform of every table that has one."""
    tables = (params.users, params.items)
    transforms = [t.transform for t in tables if isinstance(t, ant.AnchorParams)]
    return [int(jnp.count_nonzero(transform)) for transform in transforms]


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
