"""Accuracy against size on one set of texts: every method, mean over the seeds.

    python -m experiments.tables.text_classification.accuracy --data_dir=FOLDER

trains every row of `rows.rows` with every seed and writes
`results/text_<dataset>.json`, the picture `docs/text_<dataset>.png` and a table of the
program's README, of the data set `--dataset`. Started twice it shares the work.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.runner import cli
from experiments.tables import document, markdown, paper, pictures, program, runs
from experiments.tables.points import Point, make_points, name, reference, value
from experiments.tables.summary import kilobytes, thousands
from experiments.tables.text_classification import overview
from experiments.tables.text_classification.best import (
    NONE,
    OURS,
    TITLES,
    at_budgets,
    percent,
)
from experiments.tables.text_classification.rows import DATASETS, rows
from experiments.text_classification.task import TextClassification

_README = "text_classification"


def content(dataset: str, results: runs.Results) -> dict[str, Any]:
    """The result file."""
    points = make_points(results, _line)
    return {
        "table": "text_classification",
        "dataset": dataset,
        "points": points,
        "budgets": [
            pair | {side: reference(pair[side]) for side in ("ours", "baseline")}
            for pair in at_budgets(dataset, points)
        ],
        "published": published(dataset),
        **runs.recorded(TextClassification, results),
    }


def _line(result: Mapping[str, Any]) -> str:
    """The method, and whether its words start from the classes of the texts."""
    informed = result["config"]["anchors_choice"] == "classes"
    return f"{result['method']}_classes" if informed else result["method"]


def published(dataset: str) -> list[dict[str, str]]:
    """The published lines of the data set most like this one: AG-News, whole."""
    if dataset != "ag_news_32k":
        return []
    table = paper.table("ant_table11_text_classification")
    return [row for row in table if row["dataset"] == "ag_news"]


def publish(content: program.Content, root: Path) -> None:
    """Draws the picture and writes the README's tables below `root`."""
    dataset, points = content["dataset"], content["points"]
    file, title = f"text_{dataset}", TITLES[dataset]
    crosses = [
        (float(row["emb_params"]), float(row["accuracy"]))
        for row in content["published"]
    ]
    values = sorted(map(value, points))
    pictures.fronts(
        points,
        document.picture(root, file),
        title=title,
        label="test accuracy, percent",
        ours=OURS,
        # What learned nothing would leave no room for the rest.
        limits=(
            max(values[0] - 1, values[-1] - 25),
            max([values[-1], *(accuracy for _, accuracy in crosses)]) + 1.5,
        ),
        crosses=crosses,
        crosses_label="published, on all of AG-News",
    )
    document.describe(root, _README, file, render(points))
    picture = f"![Accuracy against size on {title}](../../docs/{file}.png)"
    budgets = f"{render_budgets(dataset, points)}\n\n{picture}"
    document.describe(root, _README, f"{file}_budgets", budgets)
    overview.publish(root)


def render(points: Sequence[Point]) -> str:
    """The table as Markdown: mean ± deviation over the seeds, by falling size."""
    order = sorted(points, key=lambda p: (p["line"], -p["emb_params"]["mean"]))
    order.sort(key=lambda p: p["method"] != "full")
    return markdown.table(
        "method | accuracy | parameters | bytes | seconds",
        (
            f"{name(point['row'])} | {percent(point)}"
            f" | {thousands(point['emb_params'])} | {kilobytes(point['emb_bytes'], 1)}"
            f" | {point['wall_s']['mean']:.0f}"
            for point in order
        ),
    )


def render_budgets(dataset: str, points: Sequence[Point]) -> str:
    """Ours beside the best baseline, for every share of the full table."""

    def cells(point: Point | None) -> str:
        return f"{name(point['row'])} | {percent(point)}" if point else NONE

    return markdown.table(
        "share of the full table | ours | accuracy | best baseline | accuracy",
        (
            f"{100 * pair['share']:g} % | {cells(pair['ours'])}"
            f" | {cells(pair['baseline'])}"
            for pair in at_budgets(dataset, points)
        ),
    )


def main() -> None:
    """Trains the missing runs and writes the table of a data set."""
    dataset = flags.FLAGS.dataset
    program.main(
        f"text_{dataset}",
        lambda: runs.train_rows(TextClassification, rows(dataset)),
        lambda results: content(dataset, results),
        publish,
    )


if __name__ == "__main__":
    program.define_flags("runs/tables/text")
    runs.define_flags()
    flags.DEFINE_enum("dataset", "r8", DATASETS, "Data set of --data_dir.")
    cli.run(main)
