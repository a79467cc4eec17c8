"""Trains a classifier of texts and ships its embedding."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

import ant_jax as ant
from ant_jax import training
from ant_jax.files import write_atomically
from ant_jax.report import training_curves
from experiments.data import load_texts
from experiments.provenance import provenance
from experiments.text_classification.artifact import ship
from experiments.text_classification.checks import check_sizes
from experiments.text_classification.condense import check_limits
from experiments.text_classification.configs import Config
from experiments.text_classification.embeddings import make_embedding
from experiments.text_classification.encoders import make_encoder
from experiments.text_classification.finish import Run, finish
from experiments.text_classification.input_pipeline import Prepared, prepare
from experiments.text_classification.knowledge import (
    NOTHING,
    Knowledge,
    gather,
    start,
)
from experiments.text_classification.models import Classifier, ClassifierParams
from experiments.text_classification.optimizer import (
    make_epoch,
    make_trainer,
    schedules,
)
from experiments.text_classification.settled import cluster_figures
from experiments.throughput import throughput


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
      cache_dir: folder of prepared data; see `load_texts`.
      devices: devices to train on; all local ones when None.

    Returns:
      What `result.json` holds.

    Raises:
      DataError: the texts cannot be read.
      OSError: a file of the run cannot be written.
      TrainingError: the work directory is taken or cannot be written, the loss is not
        finite, or T collapsed to zero.
      ValueError: the batch is too large or does not divide by the devices, a budget
        cannot be met, or WordNet is not installed.
    """
    prepared = load(config, cache_dir)
    check_sizes(config, len(prepared.words))
    mesh = training.data_mesh(devices)
    model = make_model(config, prepared)
    # What cannot work is refused before an earlier run is touched.
    examples = len(prepared.splits.train.labels)
    training.check_batch_size(config.batch_size, mesh, examples)
    check_limits(config)
    knowledge = gather(config, prepared)
    with training.Workdir(workdir) as folder:
        folder.claim(dataclasses.asdict(config), mode, dataclasses.asdict(Config()))
        return folder.read_result() or _train(
            config, model, prepared, knowledge, mesh, folder
        )


def load(config: Config, cache_dir: str | None) -> Prepared:
    """The data set of a config, ready for training; see `train_and_evaluate`."""
    texts = load_texts(
        config.dataset,
        config.data_dir,
        cache_dir,
        tokenizer=config.tokenizer,
        titles=config.titles,
    )
    return prepare(
        texts,
        seed=config.seed if config.split_seed is None else config.split_seed,
        length=config.length,
        max_words=config.max_words,
        min_count=config.min_count,
        validation_share=config.validation_share,
        validation_split=config.validation_split,
    )


def make_model(config: Config, prepared: Prepared) -> Classifier:
    """The model of a config for the words and classes of a data set."""
    encoder = make_encoder(config, len(prepared.classes))
    return Classifier(make_embedding(config, prepared), encoder, config.fold)


def _train(
    config: Config,
    model: Classifier,
    prepared: Prepared,
    knowledge: Knowledge,
    mesh: Mesh,
    folder: training.Workdir,
) -> dict[str, Any]:
    splits = training.replicate(prepared.splits, mesh)
    init_key, shuffle_key, noise_key = jax.random.split(jax.random.key(config.seed), 3)
    params = model.init(init_key, config.length)
    if knowledge is not NOTHING:
        table = start(config, model.embedding, init_key, knowledge)
        params = params._replace(embedding=table)
    trainer = make_trainer(
        config,
        model,
        *schedules(config),
        num_examples=len(splits.train.labels),
        epochs=config.epochs,
        mesh=mesh,
        key=noise_key,
        knowledge=knowledge,
    )
    epoch = make_epoch(config, trainer, mesh)
    run = Run(config, prepared, splits, mesh, shuffle_key, noise_key)
    fitted = training.fit(
        training.replicate(trainer.create(training.replicate(params, mesh)), mesh),
        run_epoch=lambda state, key: epoch(state, splits.train, key),
        params_of=trainer.params,
        validate=run.error(model),
        describe=lambda params: describe(model, params),
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=folder,
    )

    start_of_refit = time.perf_counter()
    before = {
        "validation": 100 * (1 - run.error(model)(fitted.params)),
        "emb_params": model.num_params(fitted.params),
    }
    finished = finish(run, model, fitted.params)
    seconds = fitted.progress.seconds + time.perf_counter() - start_of_refit
    rows = [
        {
            "value": 100 * (1 - run.error(small, "test")(params)),
            "validation": 100 * (1 - run.error(small)(params)),
            "emb_params": small.num_params(params),
            "emb_bytes": ship(
                _artifact(folder, config, index), config, small, params, prepared
            ),
        }
        for index, (small, params) in enumerate(finished)
    ]
    training_curves(fitted.history, folder.curves)
    result = {
        "task": "text_classification",
        "dataset": config.dataset,
        "method": config.method,
        "metric": "accuracy",
        "split": "test",
        **rows[-1],
        "budgets": rows if config.limits else [],
        "dense_params": len(prepared.words) * config.features,
        "words": len(prepared.words),
        "before_pruning": before,
        "clusters": cluster_figures(run, *finished[-1]),
        "seed": config.seed,
        "epochs": fitted.progress.epoch,
        "best_epoch": fitted.progress.best_epoch,
        "unknown": prepared.unknown._asdict(),
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


def describe(model: Classifier, params: ClassifierParams) -> dict[str, int]:
    """Sizes of parameters, for the metrics.

    Raises:
      CollapsedError: every entry of T is zero.
    """
    figures = {"emb_params": model.num_params(params)}
    if isinstance(params.embedding, ant.AnchorParams):
        count = int(jnp.count_nonzero(params.embedding.transform))
        if not count:
            raise training.CollapsedError(
                "Every entry of T is zero, and no gradient can bring one back. Lower "
                "--l1, raise --l1_warmup_steps or --anchors_stddev, and start again."
            )
        figures["non_zeros"] = count
    return figures
