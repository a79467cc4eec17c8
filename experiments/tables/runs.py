"""Many runs, trained once each, by one process or several beside each other.

Every run has a folder of its own, `<workdir>/<row>/<seed>`. One that is finished is not
trained again, one that was cut off goes on, and one that another process is at is left
to it: the same command, started twice, shares the work.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.runner.config import TrainingConfig
from experiments.runner.errors import BusyError, CollapsedError
from experiments.runner.settings import SettingError
from experiments.runner.task import Task
from experiments.runner.train import train_and_evaluate
from experiments.runner.workdir import Workdir

Results = dict[str, list[dict[str, Any]]]  # by row, one a seed

# What is measured of a model, or of every budget of one.
MEASURED = ("value", "validation", "emb_params", "emb_bytes")
_COLLAPSED = "collapsed.txt"
_KEPT = (
    *("seed", *MEASURED, "budgets", "anchors", "before_pruning", "dense_params"),
    *("dropped", "epochs", "best_epoch", "wall_s", "examples_per_s", "peak_rss_bytes"),
    *("words", "clusters", "commit", "device"),
)
# Settings that the seeds of a row do not share, or that are a matter of the machine.
_OF_A_RUN = ("seed", "data_dir", "wordnet_dir")


def define_flags() -> None:
    """Defines the flags of a program that trains rows, beside those of all."""
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of every row.")
    flags.DEFINE_list("rows", [], "Rows to train now; all of them if not given.")


def train_rows(
    task: type[Task],
    rows: Mapping[str, TrainingConfig],
    *,
    may_collapse: bool = False,
) -> Results | None:
    """Trains the missing runs of the rows and seeds that the flags name.

    Args:
      task: what trains them.
      rows: config by row.
      may_collapse: whether a row whose T became zero is left out of the results; it is
        an error otherwise.

    Returns:
      The results of all rows, or None while one is missing: other processes are at it,
      or `--rows` left it out.

    Raises:
      SettingError: `--rows` names a row that there is not.
    """
    folder = Path(flags.FLAGS.workdir)
    seeds = [int(seed) for seed in flags.FLAGS.seeds]
    chosen = flags.FLAGS.rows or list(rows)
    for row in chosen:
        if row not in rows:
            raise SettingError(f"Unknown row {row!r}; known ones: {', '.join(rows)}.")
    for seed in seeds:
        for row in chosen:
            path = folder / row / str(seed)
            if (path / _COLLAPSED).exists():
                continue
            try:
                _train(task, rows[row], path, seed)
            except CollapsedError as error:
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
        row: [Workdir(path.parent).read_result() or {} for path in paths[row]]
        for row in paths
    }


def _train(task: type[Task], config: TrainingConfig, folder: Path, seed: int) -> None:
    config = dataclasses.replace(config, data_dir=flags.FLAGS.data_dir, seed=seed)
    try:
        result = train_and_evaluate(
            task, config, folder, "resume", flags.FLAGS.cache_dir
        )
    except BusyError:
        return
    # What a run compiled is of no use to the next.
    jax.clear_caches()
    stages = result["budgets"] or [result]
    numbers = [(stage["emb_params"], round(stage["value"], 4)) for stage in stages]
    print(folder.parent.name, seed, *numbers, flush=True)


def defaults(task: type[Task]) -> dict[str, Any]:
    """The settings of a program where nothing is said, as JSON has them."""
    config = type(task.configs[task.default_config])()
    known = json.loads(json.dumps(dataclasses.asdict(config)))
    return {key: value for key, value in known.items() if key not in _OF_A_RUN}


def settings(task: type[Task], result: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a result, or of all seeds of its row, that are no defaults."""
    base = defaults(task)
    given = json.loads(json.dumps(result["config"]))
    return {
        key: value
        for key, value in given.items()
        if key not in _OF_A_RUN and (key not in base or base[key] != value)
    }


def recorded(task: type[Task], results: Results) -> dict[str, Any]:
    """What a table's own result file keeps of its rows: settings and runs."""
    rows = {
        row: {
            "config": settings(task, of_seeds[0]),
            "runs": [_shortened(result) for result in of_seeds],
        }
        for row, of_seeds in results.items()
    }
    return {"defaults": defaults(task), "rows": rows}


def _shortened(result: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a run; the last budget, which `result.json` repeats, once."""
    run = {key: result.get(key) for key in _KEPT}
    if run["budgets"]:
        run = {key: value for key, value in run.items() if key not in MEASURED}
    return {key: value for key, value in run.items() if value not in (None, [], {})}
