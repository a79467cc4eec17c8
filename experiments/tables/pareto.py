"""All methods at all sizes: error against parameters, and against bytes.

    python -m experiments.tables.pareto --dataset=movielens_1m --data_dir=FOLDER

trains every row of `rivals.rows` with every seed and writes `pareto_<dataset>` as a
result file, a picture and a table of the program's README. Started twice it shares the
work.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.runner import cli
from experiments.tables import document, pictures, rivals, runs

_ROOT = Path(__file__).parents[2]
_TITLES = {"movielens_1m": "MovieLens 1M", "epinions": "Epinions"}


def main() -> None:
    """Trains what is missing and, once every row is there, writes the front."""
    dataset = flags.FLAGS.dataset
    results = runs.train_rows(rivals.rows(dataset))
    if results is not None:
        write(dataset, points(results), results, _ROOT)


def points(results: runs.Results) -> list[dict[str, Any]]:
    """One point a row and budget: figures over the seeds, in the order of the rows."""
    found = []
    for row, of_seeds in results.items():
        stages = [result["budgets"] or [result] for result in of_seeds]
        limits = of_seeds[0]["config"]["budgets"]
        names = limits.split(",") if limits else [None]
        for budget, *at in zip(names, *stages, strict=True):
            found.append(
                {
                    "row": row,
                    "method": of_seeds[0]["method"],
                    "budget": budget and int(budget),
                    **{
                        key: runs.summary([stage[key] for stage in at])
                        for key in ("value", "validation", "emb_params", "emb_bytes")
                    },
                }
            )
    return found


def on_front(
    found: Sequence[Mapping[str, Any]], size: str = "emb_params"
) -> list[Mapping[str, Any]]:
    """The points that no other point beats with as few parameters, or bytes."""
    front: list[Mapping[str, Any]] = []
    for point in sorted(found, key=lambda p: (p[size]["mean"], p["value"]["mean"])):
        if not front or point["value"]["mean"] < front[-1]["value"]["mean"]:
            front.append(point)
    return front


def best_within(
    found: Sequence[Mapping[str, Any]], budget: float, size: str = "emb_params"
) -> Mapping[str, Any] | None:
    """The point of least error among those of at most this size."""
    small = [point for point in found if point[size]["mean"] <= budget]
    return min(small, key=lambda point: point["value"]["mean"], default=None)


def at_budgets(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """ANT's own front, each point beside the best rival within the same budget."""
    ours = [point for point in found if point["method"] == "ant"]
    others = [point for point in found if point["method"] != "ant"]
    return [
        {
            "ant": point,
            "rival": best_within(
                others, max(point["budget"] or 0, point["emb_params"]["mean"])
            ),
        }
        for point in on_front(ours)
    ]


def write(
    dataset: str, found: list[dict[str, Any]], results: runs.Results, root: Path
) -> None:
    """Writes result file, picture and table below `root`."""
    content = {
        "table": "pareto",
        "dataset": dataset,
        "points": found,
        "front": {
            size: [
                {key: point[key] for key in ("row", "budget")}
                for point in on_front(found, size)
            ]
            for size in ("emb_params", "emb_bytes")
        },
        "rows": runs.recorded(results),
    }
    name = f"pareto_{dataset}"
    document.store(root, name, content, indent=1)
    title = _TITLES.get(dataset, dataset)
    pictures.fronts(found, title, document.picture(root, name))
    document.describe(root, name, markdown(found))


def markdown(found: list[dict[str, Any]]) -> str:
    """ANT beside the best rival of at most its parameters."""
    lines = [
        "| parameters | ANT's MSE | bytes | best rival | its MSE | its parameters |",
        "|---|---|---|---|---|---|",
    ]
    for pair in at_budgets(found):
        ant, rival = pair["ant"], pair["rival"]
        line = (
            f"| {ant['emb_params']['mean'] / 1000:.1f}K | {_error(ant)} |"
            f" {ant['emb_bytes']['mean'] / 1000:.0f} kB |"
        )
        if rival is None:
            line += " none so small | | |"
        else:
            line += (
                f" {rival['row'].replace('_', ' ')} | {_error(rival)} |"
                f" {rival['emb_params']['mean'] / 1000:.1f}K |"
            )
        lines.append(line)
    return "\n".join(lines)


def _error(point: Mapping[str, Any]) -> str:
    return f"{point['value']['mean']:.4f} ± {point['value']['deviation']:.4f}"


if __name__ == "__main__":
    runs.define_flags("runs/tables/rivals")
    flags.DEFINE_string("dataset", "movielens_1m", "Data set of --data_dir.")
    cli.run(main)
