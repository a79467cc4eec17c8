"""All methods at all sizes: error against parameters, and against bytes.

    python -m experiments.tables.recommendation.pareto --data_dir=FOLDER

trains every row of `baselines.rows` with every seed and writes `pareto_<dataset>` as a
result file, a picture and a table of the program's README. Started twice it shares the
work.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.metric import MSE
from experiments.tables import document, markdown, pictures, program, runs
from experiments.tables.points import Point, make_points, name, reference, value, within
from experiments.tables.recommendation import baselines
from experiments.tables.summary import kilobytes, plus_minus, thousands

_TITLES = {"movielens_1m": "MovieLens 1M", "epinions": "Epinions"}


def content(dataset: str, results: runs.Results) -> dict[str, Any]:
    """The result file."""
    points = make_points(results)
    return {
        "table": "pareto",
        "dataset": dataset,
        "points": points,
        "front": {
            size: [reference(point) for point in on_front(points, size)]
            for size in ("emb_params", "emb_bytes")
        },
        **runs.recorded(Recommendation, results),
    }


def on_front(points: Sequence[Point], size: str = "emb_params") -> list[Point]:
    """The points that no other point beats with as few parameters, or bytes."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p[size]["mean"], value(p))):
        if not front or value(point) < value(front[-1]):
            front.append(point)
    return front


def best_within(points: Sequence[Point], budget: float) -> Point | None:
    """The point of least error among those with at most this many parameters."""
    return min(within(points, budget), key=value, default=None)


def at_budgets(points: Sequence[Point]) -> list[dict[str, Any]]:
    """ANT's own front, each point beside the best baseline within the same budget."""
    ours = [point for point in points if point["method"] == "ant"]
    others = [point for point in points if point["method"] != "ant"]
    return [
        {
            "ant": point,
            "baseline": best_within(
                others, max(point["budget"] or 0, point["emb_params"]["mean"])
            ),
        }
        for point in on_front(ours)
    ]


def publish(content: program.Content, root: Path) -> None:
    """Draws the picture and writes the README's table below `root`."""
    points, dataset = content["points"], str(content["dataset"])
    file = f"pareto_{dataset}"
    pictures.fronts(
        points,
        document.picture(root, file),
        title=_TITLES.get(dataset, dataset),
        label=f"test {MSE.label}",
        ours=("ant",),
        limits=(None, min(1.0, max(map(value, points)) + 0.02)),
    )
    document.describe(root, "recommendation", file, render(points))


def render(points: Sequence[Point]) -> str:
    """ANT beside the best baseline of at most its parameters, as Markdown."""
    rows = []
    for pair in at_budgets(points):
        ant, baseline = pair["ant"], pair["baseline"]
        row = f"{thousands(ant['emb_params'])} | {_error(ant)}"
        row += f" | {kilobytes(ant['emb_bytes'])} | "
        if baseline is None:
            row += "none so small |  | "
        else:
            row += f"{name(baseline['row'])} | {_error(baseline)}"
            row += f" | {thousands(baseline['emb_params'])}"
        rows.append(row)
    heads = "parameters | ANT's MSE | bytes | best baseline | its MSE | its parameters"
    return markdown.table(heads, rows)


def _error(point: Point) -> str:
    return plus_minus(point["value"], MSE.digits)


def main() -> None:
    """Trains the missing runs and writes the table of a data set."""
    dataset = flags.FLAGS.dataset
    program.main(
        f"pareto_{dataset}",
        lambda: runs.train_rows(Recommendation, baselines.rows(dataset)),
        lambda results: content(dataset, results),
        publish,
    )


if __name__ == "__main__":
    program.define_flags("runs/tables/pareto")
    runs.define_flags()
    flags.DEFINE_string("dataset", "movielens_1m", "Data set of --data_dir.")
    cli.run(main)
