"""How fast ANT and the baselines converge, by epochs and by seconds.

    python -m experiments.tables.recommendation.convergence --runs=FOLDER

After Figure 4 of Liang et al., *Anchor & Transform*, ICLR 2021. It trains nothing: it
reads the runs in `FOLDER/<row>/<seed>`, which another table has left there, and writes
`results/convergence.json` and `docs/convergence.png`.

Seconds are those of the epochs, without validation. The first epoch compiles and is
taken for as long as the median of the others. Runs whose seconds are to be compared
must have had the machine to themselves.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.metrics import read_metrics
from experiments.runner.settings import SettingError
from experiments.runner.workdir import Workdir
from experiments.tables import document
from experiments.tables.recommendation import pictures
from experiments.tables.runs import defaults, settings
from experiments.tables.summary import summarize

_SHARE = 0.01  # above its best, within which a method counts as converged


def main() -> None:
    """Reads the runs and writes the result file and the picture."""
    folder = Path(flags.FLAGS.runs)
    methods = {row: read(folder / row) for row in flags.FLAGS.rows or names(folder)}
    for row in write(methods, document.ROOT):
        epochs, seconds = row["epochs"]["mean"], row["seconds"]["mean"]
        print(f"{row['name']}: {epochs:.1f} epochs, {seconds:.1f} s")


def names(folder: Path) -> list[str]:
    """The rows of a folder that have finished runs of some epochs.

    Raises:
      SettingError: there is none.
    """
    runs = [Workdir(path.parent) for path in folder.glob("*/*/result.json")]
    found = {run.path.parent.name for run in runs if len(read_metrics(run.metrics)) > 1}
    if not found:
        raise SettingError(
            f"There is no finished run of some epochs in {folder}/<row>/<seed>: make a "
            "table first, as by experiments.tables.recommendation.pareto, and pass its "
            "--workdir as --runs."
        )
    return sorted(found)


def read(folder: Path) -> list[dict[str, Any]]:
    """The courses of a row's finished runs, by seed.

    Raises:
      SettingError: there is none, or it has no second epoch.
      WorkdirError: a result is damaged.
    """
    paths = sorted(folder.glob("*/result.json"))
    courses = []
    for path in paths:
        workdir = Workdir(path.parent)
        result = workdir.read_result() or {}
        course = {"seed": result["seed"], "config": result["config"]}
        course |= {key: result[key] for key in ("method", "commit", "device")}
        rows = read_metrics(workdir.metrics)
        if len(rows) < 2:
            raise SettingError(f"The run in {path.parent} has no second epoch to time.")
        courses.append(course | curves(rows))
    if not courses:
        raise SettingError(f"There is no finished run in {folder}/<seed>.")
    return sorted(courses, key=lambda course: course["seed"])


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """What is drawn of a run: epochs, seconds since its start, validation error."""
    seconds = np.array([row["seconds"] for row in history])
    seconds[0] = np.median(seconds[1:])
    return {
        "epochs": [row["epoch"] for row in history],
        "seconds": np.cumsum(seconds).tolist(),
        "validation": [row["validation"] for row in history],
    }


def converged(course: Mapping[str, Any], share: float = _SHARE) -> int:
    """The index of the first epoch whose error is within a share of the least."""
    errors = np.array(course["validation"])
    return int(np.argmax(errors <= (1 + share) * errors.min()))


def table(
    methods: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """A row a method: mean and deviation over its seeds."""
    found = []
    for name, courses in methods.items():
        ends = [converged(course) for course in courses]
        of = list(zip(courses, ends, strict=True))
        first = courses[0]
        found.append(
            {
                "name": name,
                "method": first["method"],
                "epochs": summarize([course["epochs"][end] for course, end in of]),
                "seconds": summarize([course["seconds"][end] for course, end in of]),
                "seconds_per_epoch": summarize(
                    [
                        course["seconds"][-1] / len(course["seconds"])
                        for course in courses
                    ]
                ),
                "best_validation": summarize([min(c["validation"]) for c in courses]),
                "seeds": [course["seed"] for course in courses],
                "commit": first["commit"],
                "device": first["device"],
                "config": settings(Recommendation, first),
            }
        )
    return found


def write(
    methods: Mapping[str, Sequence[Mapping[str, Any]]], root: Path
) -> list[dict[str, Any]]:
    """Writes the result file and the picture below `root`; returns the file's rows."""
    rows = table(methods)
    content = {
        "table": "convergence",
        "share": _SHARE,
        "defaults": defaults(Recommendation),
        "rows": rows,
    }
    document.store(root, "convergence", content)
    pictures.error_curves(methods, document.picture(root, "convergence"))
    return rows


if __name__ == "__main__":
    flags.DEFINE_string("runs", None, "Folder of finished runs.", required=True)
    flags.DEFINE_list("rows", [], "Rows to draw; all that are there if not given.")
    cli.run(main)
