"""Online nbANT: the number of anchors over a stream of ratings.

    python -m experiments.tables.recommendation.online --data_dir=FOLDER

After Figure 8 (appendix K.3) of Liang et al., *Anchor & Transform*, ICLR 2021. The
training ratings come in chunks, each of which is trained on until its held-out part
says that it is learned, and is not seen again; then the number of anchors adapts. The
test ratings are in no chunk, and are looked at once, at the end. Writes
`results/online.json`, `docs/online.png` and the table of the program's README. A run
that was cut off goes on.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from absl import flags
from jax.sharding import Mesh

from ant_jax import training
from ant_jax.files import write_atomically
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples, Splits
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.adaptation import make_adaptation
from experiments.runner.finish import fitted_model
from experiments.runner.optimizer import make_trainer
from experiments.runner.provenance import provenance
from experiments.runner.settings import SettingError
from experiments.runner.stream import Chunk, fit_stream
from experiments.runner.train import describe
from experiments.runner.workdir import Workdir
from experiments.tables import document, markdown, paper, program
from experiments.tables.recommendation import pictures
from experiments.tables.runs import defaults, settings


def online_config(**changes: Any) -> Config:
    """Settings of the run; `epochs` and `patience` are those of a chunk."""
    settings: dict[str, Any] = {
        "dataset": "movielens_1m",
        "method": "nbant",
        "biases": True,
        "batch_size": 1024,
        "features": 8,
        "anchors_start": "signed_basis",
        "transform_stddev": 1e-3,
        "l1": 3e-7,
        "anchor_cost": 2e-3,
        "anchor_step": 2,
        "anchors_move": "both",
        "user_anchors": 10,
        "item_anchors": 10,
        "max_anchors": 32,
        "learning_rate": 5e-3,
        "halving_steps": 800,
        "epochs": 20,
        "patience": 2,
    }
    return Config(**(settings | changes))


def measure() -> dict[str, Any]:
    """Trains on the stream, or reads the result."""
    values = flags.FLAGS
    config = online_config(data_dir=values.data_dir, seed=values.seed)
    folder = Path(values.workdir)
    return train(config, values.chunks, folder, values.cache_dir)


def train(
    config: Config, num_chunks: int, folder: Path, cache_dir: str | None = None
) -> dict[str, Any]:
    """Trains on a stream and tests once; reads the result of a finished run.

    Args:
      config: the settings.
      num_chunks: parts that the training ratings are cut into.
      folder: of the run.
      cache_dir: folder of prepared data.

    Raises:
      SettingError: `num_chunks` is not positive, or larger than the data.
      TrainingError: see `fit_stream`.
      ValueError: a chunk is smaller than a batch.
    """
    task, mesh = Recommendation.load(config, cache_dir), training.data_mesh()
    stream = cut(task.splits, num_chunks)
    size = len(stream[0].train.users)
    training.check_batch_size(config.batch_size, mesh, size)
    with Workdir(folder) as workdir:
        workdir.claim(dataclasses.asdict(config) | {"chunks": num_chunks}, "resume")
        result = workdir.read_result()
        if result is None:
            result = _train(task, stream, mesh, workdir)
            write_atomically(workdir.result, json.dumps(result, indent=2) + "\n")
    return result


def cut(splits: Splits, num_chunks: int) -> list[Chunk]:
    """Cuts training and validation ratings into chunks of one size.

    The ratings of either are in random order, so a chunk is a sample of the users and
    items. What remains, less than a rating a chunk, is left out.

    Raises:
      SettingError: there are more chunks than ratings, or not even one.
    """
    train, validation = len(splits.train.users), len(splits.validation.users)
    if not 1 <= num_chunks <= min(train, validation):
        raise SettingError(
            f"{num_chunks} chunks cannot be cut from {train} training and {validation} "
            "validation ratings."
        )

    def part(examples: Examples, number: int) -> Examples:
        size = len(examples.users) // num_chunks
        place = slice(number * size, (number + 1) * size)
        return Examples(*(column[place] for column in examples))

    return [
        Chunk(part(splits.train, number), part(splits.validation, number))
        for number in range(num_chunks)
    ]


def _train(
    task: Recommendation, stream: list[Chunk], mesh: Mesh, workdir: Workdir
) -> dict[str, Any]:
    config = task.config
    steps = len(stream[0].train.users) // config.batch_size * config.epochs
    adaptation = make_adaptation(config)
    assert adaptation is not None
    init_key, shuffle_key = jax.random.split(jax.random.key(config.seed))
    start = float(jnp.mean(stream[0].train.ratings))

    def evaluate(model: Any) -> Callable[[Any, Examples], float]:
        batch = task.evaluation_batch
        mean = training.make_evaluate(task.score(model), batch, mesh)
        return lambda params, examples: float(mean(params, examples))

    fitted = fit_stream(
        # nbANT draws no noise from the key.
        make_trainer(task, mesh, init_key, steps * len(stream)),
        task.model.init(init_key, start),
        (training.replicate(chunk, mesh) for chunk in stream),
        evaluate=evaluate(task.model),
        describe=lambda params: describe(task.model, params),
        adaptation=adaptation,
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=workdir,
    )
    params, model = fitted.params, fitted_model(task, fitted.params)
    test = training.replicate(task.splits.test, mesh)
    return {
        "task": task.name,
        "dataset": config.dataset,
        "method": "online_nbant",
        "metric": task.metric.name,
        "split": "test",
        "value": evaluate(model)(params, test),
        "emb_params": model.num_params(params),
        "anchors": fitted.progress.anchors,
        "seed": config.seed,
        "chunks": [
            {"chunk": row["epoch"], **{k: v for k, v in row.items() if k != "epoch"}}
            for row in fitted.history
        ],
        "epochs": fitted.progress.epochs,
        "wall_s": round(fitted.progress.seconds, 3),
        **provenance(),
        "config": dataclasses.asdict(config),
    }


def content(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result file."""
    return {
        "table": "online",
        **result,
        "defaults": defaults(Recommendation),
        "config": settings(Recommendation, result),
    }


def publish(content: program.Content, root: Path) -> None:
    """Draws the picture and writes the README's table below `root`."""
    chunks = content["chunks"]
    pictures.stream_course(chunks, document.picture(root, "online"))

    def course(table: str) -> str:
        counts = [row[f"anchors_{table}"] for row in chunks]
        return f"{counts[0]} / {max(counts)} / {counts[-1]}"

    table = markdown.table(
        " | chunks | anchors: start / peak / end | test MSE | parameters",
        [
            f"published |  | {paper.value('online_anchors')} |  | ",
            f"ours, users | {len(chunks)} | {course('users')}"
            f" | {content['value']:.4f} | {content['emb_params']:,}",
            f"ours, items |  | {course('items')} |  | ",
        ],
    )
    document.describe(root, "recommendation", "online", table)


if __name__ == "__main__":
    program.define_flags("runs/tables/online")
    flags.DEFINE_integer("chunks", 20, "Parts that the ratings are cut into.")
    flags.DEFINE_integer("seed", 0, "Seed of split, start and shuffles.")
    cli.run(lambda: program.main("online", measure, content, publish))
