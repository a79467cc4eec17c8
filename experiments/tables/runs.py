"""Many runs, trained once each, by one process or several beside each other.

Every run has a folder of its own, `<workdir>/<row>/<seed>`. One that is finished is not
trained again, one that was cut off goes on, and one that another process is at is left
to it: the same command, started twice, shares the work.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from ant_jax import training
from experiments.recommendation import configs as recommendation_configs
from experiments.recommendation import train as recommendation
from experiments.runner.config import TrainingConfig
from experiments.text_classification import configs as text_configs
from experiments.text_classification import train as text_classification

Results = dict[str, list[dict[str, Any]]]  # by row, one a seed

# What trains a config, by its class.
_PROGRAMS: dict[type[TrainingConfig], Any] = {
    recommendation_configs.Config: recommendation.train_and_evaluate,
    text_configs.Config: text_classification.train_and_evaluate,
}
_COLLAPSED = "collapsed.txt"
_KEPT = (
    *("seed", "value", "validation", "emb_params", "emb_bytes", "budgets", "anchors"),
    *("before_pruning", "dense_params", "dropped", "epochs", "best_epoch", "wall_s"),
    *("examples_per_s", "peak_rss_bytes", "words", "clusters", "commit", "device"),
)


def define_flags(workdir: str) -> None:
    """Defines the flags of a program that makes a table."""
    flags.DEFINE_string("data_dir", None, "Folder of the data set.", required=True)
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", workdir, "Folder of all runs.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of every row.")
    flags.DEFINE_list("rows", [], "Rows to train now; all of them if not given.")


def train_rows(
    rows: Mapping[str, TrainingConfig], *, may_collapse: bool = False
) -> Results | None:
    """Trains what is missing of the rows and seeds that the flags name.

    Args:
      rows: config by row.
      may_collapse: whether a row whose T became zero is left out of the results; it is
        an error otherwise.

    Returns:
      The results of all rows, or None while one is missing: other processes are at it,
      or `--rows` left it out.

    Raises:
      ValueError: `--rows` names a row that there is not.
    """
    folder = Path(flags.FLAGS.workdir)
    seeds = [int(seed) for seed in flags.FLAGS.seeds]
    chosen = flags.FLAGS.rows or list(rows)
    for row in chosen:
        if row not in rows:
            raise ValueError(f"Unknown row {row!r}; known ones: {', '.join(rows)}.")
    for seed in seeds:
        for row in chosen:
            path = folder / row / str(seed)
            if (path / _COLLAPSED).exists():
                continue
            try:
                _train(rows[row], path, seed)
            except training.CollapsedError as error:
                if not may_collapse:
                    raise
                (path / _COLLAPSED).write_text(f"{error}\n")
    paths = {
        row: [folder / row / str(s) / "result.json" for s in seeds]
        for row in rows
        if not any((folder / row / str(s) / _COLLAPSED).exists() for s in seeds)
    }
    missing = [str(p.parent) for ps in paths.values() for p in ps if not p.exists()]
    if missing:
        print(f"The table waits for {', '.join(missing)}.")
        return None
    return {
        row: [training.Workdir(path.parent).read_result() or {} for path in paths[row]]
        for row in paths
    }


def train_one(config: TrainingConfig, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Trains one run, or reads the result of a finished one."""
    config = dataclasses.replace(config, data_dir=flags.FLAGS.data_dir, seed=seed)
    train_and_evaluate = _PROGRAMS[type(config)]
    result: dict[str, Any] = train_and_evaluate(
        config, folder, "resume", flags.FLAGS.cache_dir
    )
    return result


def _train(config: TrainingConfig, folder: Path, seed: int) -> None:
    try:
        result = train_one(config, folder, seed)
    except training.BusyError:
        return
    # What a run compiled is of no use to the next.
    jax.clear_caches()
    figures = [(row["emb_params"], round(row["value"], 4)) for row in result["budgets"]]
    figures = figures or [(result["emb_params"], round(result["value"], 4))]
    print(folder.parent.name, seed, *figures, flush=True)


def recorded(results: Results) -> dict[str, dict[str, Any]]:
    """What a table's own result file keeps of every row: settings and runs."""
    return {
        row: {
            "config": settings(of_seeds[0]),
            "runs": [
                {key: result[key] for key in _KEPT if key in result}
                for result in of_seeds
            ],
        }
        for row, of_seeds in results.items()
    }


def settings(result: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all seeds of a row share."""
    return {
        key: value
        for key, value in result["config"].items()
        if key not in ("seed", "data_dir")
    }


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample deviation."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "deviation": deviation}
