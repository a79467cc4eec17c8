"""All sets of texts beside each other: ours and the best baseline at every budget."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.tables import document, markdown
from experiments.tables.points import Point, name
from experiments.tables.text_classification.best import (
    NONE,
    TITLES,
    at_budgets,
    percent,
)
from experiments.tables.text_classification.rows import DATASETS


def publish(root: Path) -> None:
    """Puts a line for every set that has a result file into the program's README."""
    rows: list[str] = []
    for dataset in DATASETS:
        file = f"text_{dataset}"
        if document.exists(root, file):
            rows += _rows(document.load(root, file))
        else:
            rows.append(f"{TITLES[dataset]} | not measured yet" + " | " * 5)
    heads = "data | full table | share | ours | accuracy | best baseline | accuracy"
    table = markdown.table(heads, rows)
    document.describe(root, "text_classification", "text_summary", table)


def _rows(content: Mapping[str, Any]) -> Iterator[str]:
    dataset, points = content["dataset"], content["points"]
    (full,) = (point for point in points if point["row"] == "full")
    size = full["emb_params"]["mean"]

    def cells(point: Point | None) -> str:
        if point is None:
            return NONE
        times = size / point["emb_params"]["mean"]
        line = name(point["line"])
        return f"{line}, 1/{times:.0f} of the parameters | {percent(point)}"

    head = f"{TITLES[dataset]} | {percent(full)}, {size / 1e6:.2f}M"
    for pair in at_budgets(dataset, points):
        sides = f"{cells(pair['ours'])} | {cells(pair['baseline'])}"
        yield f"{head} | {100 * pair['share']:g} % | {sides}"
        head = " | "
