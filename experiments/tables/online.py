"""Online nbANT: the number of anchors over a stream of ratings.

    python -m experiments.tables.online --data_dir=FOLDER

After Figure 8 (appendix K.3) of Liang et al., *Anchor & Transform*, ICLR 2021. The
training ratings come in chunks, each of which is trained on until its held-out part
says that it is learned, and is not seen again; then the number of anchors adapts. The
test ratings are in no chunk, and are looked at once, at the end. Writes
`results/online.json`, `docs/online.png` and the table of the program's README. A run
that was cut off goes on.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from absl import flags
from jax.sharding import Mesh

from ant_jax import training
from ant_jax.files import write_atomically
from experiments.data import load_ratings
from experiments.recommendation.adapt import fit_anchors, make_adaptation
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import (
    Examples,
    Prepared,
    Splits,
    prepare,
)
from experiments.recommendation.optimizer import make_epoch, make_trainer, schedules
from experiments.recommendation.train import EVALUATION_BATCH, describe, make_model
from experiments.runner import cli
from experiments.runner.provenance import provenance
from experiments.tables import document, paper, pictures

_ROOT = Path(__file__).parents[2]


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


def main() -> None:
    """Trains on the stream, or reads the result, and writes the table."""
    config = online_config(data_dir=flags.FLAGS.data_dir, seed=flags.FLAGS.seed)
    chunks = flags.FLAGS.chunks
    result = train(config, chunks, Path(flags.FLAGS.workdir), flags.FLAGS.cache_dir)
    write_table(result, _ROOT)
    print(markdown(result))


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
      ValueError: `num_chunks` is not positive, or a chunk is smaller than a batch.
      TrainingError: see `training.fit_stream`.
    """
    ratings = load_ratings(config.dataset, config.data_dir, cache_dir)
    prepared = prepare(ratings, config.seed, seen_only=config.seen_only)
    mesh = training.data_mesh(None)
    stream = cut(prepared.splits, num_chunks)
    size = len(stream[0].train.users)
    training.check_batch_size(config.batch_size, mesh, size)
    with training.Workdir(folder) as workdir:
        workdir.claim(dataclasses.asdict(config) | {"chunks": num_chunks}, "resume")
        result = workdir.read_result()
        if result is None:
            result = _train(config, prepared, stream, mesh, workdir)
            write_atomically(workdir.result, json.dumps(result, indent=2) + "\n")
    return result


def cut(splits: Splits, num_chunks: int) -> list[training.Chunk]:
    """Cuts training and validation ratings into chunks of one size.

    The ratings of either are in random order, so a chunk is a sample of the users and
    items. What remains, less than a rating a chunk, is left out.

    Raises:
      ValueError: there are more chunks than ratings, or not even one.
    """
    if (
        not 1
        <= num_chunks
        <= min(len(splits.train.users), len(splits.validation.users))
    ):
        raise ValueError(
            f"{num_chunks} chunks cannot be cut from {len(splits.train.users)} "
            f"training and {len(splits.validation.users)} validation ratings."
        )

    def parts(examples: Examples) -> Iterator[Examples]:
        size = len(examples.users) // num_chunks
        for start in range(0, size * num_chunks, size):
            yield Examples(*(column[start : start + size] for column in examples))

    return [
        training.Chunk(*pair)
        for pair in zip(parts(splits.train), parts(splits.validation), strict=True)
    ]


def _train(
    config: Config,
    prepared: Prepared,
    stream: list[training.Chunk],
    mesh: Mesh,
    workdir: training.Workdir,
) -> dict[str, Any]:
    model = make_model(config, prepared)
    steps = len(stream[0].train.users) // config.batch_size * config.epochs
    trainer = make_trainer(
        config,
        model,
        prepared,
        *schedules(config),
        num_steps=steps * len(stream),
        mesh=mesh,
    )
    adaptation = make_adaptation(config, trainer)
    assert adaptation is not None
    init_key, shuffle_key = jax.random.split(jax.random.key(config.seed))
    start = float(jnp.mean(stream[0].train.ratings))
    evaluate = training.make_evaluate(model.squared_error, EVALUATION_BATCH, mesh)

    fitted = training.fit_stream(
        training.replicate(trainer.create(model.init(init_key, start)), mesh),
        (training.replicate(chunk, mesh) for chunk in stream),
        run_epoch=make_epoch(config, trainer, mesh),
        params_of=trainer.params,
        evaluate=lambda params, held_out: float(evaluate(params, held_out)),
        describe=lambda params: describe(model, params),
        adaptation=adaptation,
        key=shuffle_key,
        epochs=config.epochs,
        patience=config.patience,
        workdir=workdir,
    )
    final = fit_anchors(model, fitted.params)
    test = training.make_evaluate(final.squared_error, EVALUATION_BATCH, mesh)
    rest = training.replicate(prepared.splits.test, mesh)
    return {
        "task": "recommendation",
        "dataset": config.dataset,
        "method": "online_nbant",
        "metric": "mse",
        "split": "test",
        "value": float(test(fitted.params, rest)),
        "emb_params": final.num_params(fitted.params),
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


def write_table(result: dict[str, Any], root: Path) -> None:
    """Writes the result file, the picture and the README's table below `root`."""
    config = {k: v for k, v in result["config"].items() if k != "data_dir"}
    content = {"table": "online", **result, "config": config}
    document.store(root, "online", content)
    pictures.stream_course(result["chunks"], document.picture(root, "online"))
    document.describe(root, "online", markdown(result))


def markdown(result: dict[str, Any]) -> str:
    """Start, peak and end of the number of anchors, beside the published ones."""
    ours = [
        " / ".join(str(count) for count in (counts[0], max(counts), counts[-1]))
        for name in ("users", "items")
        for counts in [[row[f"anchors_{name}"] for row in result["chunks"]]]
    ]
    theirs = paper.figure("online_anchors")
    return "\n".join(
        [
            "| | chunks | anchors: start / peak / end | test MSE | parameters |",
            "|---|---|---|---|---|",
            f"| published | | {theirs} | | |",
            f"| ours, users | {len(result['chunks'])} | {ours[0]} |"
            f" {result['value']:.4f} | {result['emb_params']:,} |",
            f"| ours, items | | {ours[1]} | | |",
        ]
    )


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", None, "Folder of the data set.", required=True)
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", "runs/tables/online", "Folder of the run.")
    flags.DEFINE_integer("chunks", 20, "Parts that the ratings are cut into.")
    flags.DEFINE_integer("seed", 0, "Seed of split, start and shuffles.")
    cli.run(main)
