"""All methods at all sizes: error against parameters, and against bytes.

    python -m experiments.tables.pareto --dataset=movielens_1m --data_dir=FOLDER

trains every row of `rivals.rows` with every seed and writes `pareto_<dataset>` as a
result file, a picture and a table of the program's README. Started twice it shares the
work.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from ant_jax.files import write_atomically
from ant_jax.report import save_figure
from experiments import cli
from experiments.tables import document, rivals, runs

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
        "rows": {
            row: {
                "config": runs.settings(of_seeds[0]),
                "runs": [runs.kept(result) for result in of_seeds],
            }
            for row, of_seeds in results.items()
        },
    }
    (root / "results").mkdir(exist_ok=True)
    path = root / "results" / f"pareto_{dataset}.json"
    write_atomically(path, json.dumps(content, indent=1) + "\n")
    (root / "docs").mkdir(exist_ok=True)
    draw(found, _TITLES.get(dataset, dataset), root / "docs" / f"pareto_{dataset}.png")
    readme = root / "experiments" / "recommendation" / "README.md"
    document.insert(readme, f"pareto_{dataset}", markdown(found))


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


def draw(found: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Draws error against parameters and against bytes, a line a method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    labels = ("embedding parameters", "bytes, indices included")
    for axis, size, label in zip(
        axes, ("emb_params", "emb_bytes"), labels, strict=True
    ):
        for method in dict.fromkeys(point["method"] for point in found):
            line = sorted(
                (p for p in found if p["method"] == method),
                key=lambda p: p[size]["mean"],
            )
            axis.errorbar(
                [p[size]["mean"] for p in line],
                [p["value"]["mean"] for p in line],
                yerr=[p["value"]["deviation"] for p in line],
                fmt="o-" if method == "ant" else ".--",
                linewidth=2 if method == "ant" else 0.8,
                capsize=2,
                label=method.replace("_", " "),
            )
        axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test mean squared error")
    axes[0].set_ylim(top=min(1.0, max(p["value"]["mean"] for p in found) + 0.02))
    axes[1].legend(fontsize="small")
    figure.suptitle(title)
    save_figure(figure, path)


if __name__ == "__main__":
    runs.define_flags("runs/tables/rivals")
    flags.DEFINE_string("dataset", "movielens_1m", "Data set of --data_dir.")
    cli.run(main)
