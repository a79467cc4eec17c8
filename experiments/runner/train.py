"""One training run, from settings to a result."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from ant_jax import training
from ant_jax.files import write_atomically
from ant_jax.nonparametric import num_anchors
from ant_jax.params import find_tables
from experiments.runner.adaptation import make_adaptation
from experiments.runner.clusters import cluster_metrics
from experiments.runner.curves import training_curves
from experiments.runner.errors import CollapsedError
from experiments.runner.finish import check_budgets, finish, fitted_model
from experiments.runner.fit import fit
from experiments.runner.optimizer import make_trainer
from experiments.runner.provenance import provenance
from experiments.runner.run import Run
from experiments.runner.task import Task
from experiments.runner.throughput import throughput
from experiments.runner.workdir import Mode, Workdir


def train_and_evaluate(
    task_class: type[Task],
    config: Any,
    workdir: str | Path,
    mode: Mode = "new",
    cache_dir: str | None = None,
    devices: Any = None,
) -> dict[str, Any]:
    """Trains, tests once, and writes result, artifact and picture to the workdir.

    Args:
      task_class: the program.
      config: its settings.
      workdir: folder of the run.
      mode: what to do when a run is there already; see `Workdir.claim`.
      cache_dir: folder of prepared data.
      devices: devices to train on; all local ones when None.

    Returns:
      What `result.json` holds.

    Raises:
      DataError: the data cannot be read.
      OSError: a file of the run cannot be written.
      SettingError: the settings do not fit each other, the data or the devices.
      TrainingError: the work directory is taken or cannot be written, the loss is not
        finite, or a table collapsed to zero.
    """
    # What cannot work is refused before an earlier run is touched.
    task = task_class.load(config, cache_dir)
    mesh = training.data_mesh(devices)
    training.check_batch_size(config.batch_size, mesh, task.num_examples)
    check_budgets(task)
    with Workdir(workdir) as folder:
        defaults = dataclasses.asdict(type(config)())
        folder.claim(dataclasses.asdict(config), mode, defaults)
        return folder.read_result() or _train(Run(task, mesh), folder)


def _train(run: Run, folder: Workdir) -> dict[str, Any]:
    task, config, metric = run.task, run.config, run.task.metric
    fitted = fit(
        make_trainer(task, run.mesh, run.noise_key),
        task.start(run),
        run.splits.train,
        validate=run.loss_on("validation", task.model),
        metric=metric,
        describe=lambda params: describe(task.model, params),
        key=run.shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=folder,
        adaptation=make_adaptation(config),
    )

    start = time.perf_counter()
    model = fitted_model(task, fitted.params)
    trained_loss = run.loss_on("validation", model)(fitted.params)
    before = {
        "validation": metric.report(trained_loss),
        "emb_params": model.num_params(fitted.params),
    }
    finished = finish(run, fitted.params)
    seconds = fitted.progress.seconds + time.perf_counter() - start
    rows = [
        {
            "value": metric.report(run.loss_on("test", small)(params)),
            "validation": metric.report(run.loss_on("validation", small)(params)),
            "emb_params": small.num_params(params),
            "emb_bytes": task.ship(_artifact(folder, config, index), small, params),
        }
        for index, (small, params) in enumerate(finished)
    ]
    training_curves(fitted.history, folder.curves, metric, task.loss_label)
    tables = task.embeddings(task.model).values()
    result = {
        "task": task.name,
        "dataset": config.dataset,
        "method": config.method,
        "metric": metric.name,
        "split": "test",
        **rows[-1],
        "budgets": rows if config.budgets else [],
        "dense_params": sum(t.num_embeddings * t.features for t in tables),
        "anchors": num_anchors(fitted.params),
        "before_pruning": before,
        "clusters": cluster_metrics(run, *finished[-1]),
        **task.extras(),
        "seed": config.seed,
        "epochs": fitted.progress.epoch,
        "best_epoch": fitted.progress.best_epoch,
        "wall_s": round(seconds, 3),
        "examples_per_s": throughput(fitted.history, config.batch_size),
        **provenance(),
        "config": dataclasses.asdict(config),
    }
    text = json.dumps(result, indent=2) + "\n"
    write_atomically(folder.result, text)
    # As a resumed run reads it: lists where there were tuples.
    return dict(json.loads(text))


def _artifact(folder: Workdir, config: Any, index: int) -> Path:
    """Where a budget is shipped; the last one to where a run without budgets is."""
    if index >= len(config.budgets) - 1:
        return folder.artifact
    return folder.artifact / str(config.budgets[index])


def describe(model: Any, params: Any) -> dict[str, int]:
    """Sizes of parameters, for the metrics.

    Raises:
      CollapsedError: every entry of T is zero.
    """
    sizes = {"emb_params": model.num_params(params)}
    if not num_anchors(params):
        return sizes
    tables = [t for t in find_tables(params).values() if t.kind == "anchor"]
    if tables:
        sizes["non_zeros"] = sum(int(jnp.count_nonzero(t.entries)) for t in tables)
        if not sizes["non_zeros"]:
            raise CollapsedError(
                "Every entry of T is zero, and no gradient can bring one back. Lower "
                "--l1, raise --l1_warmup_steps or --anchors_stddev, and start again."
            )
    return sizes
