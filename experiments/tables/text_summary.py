"""All sets of texts beside each other: ours and the best rival at every budget."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.tables import document, text_rows

NAME = "text_summary"


def write(root: Path, titles: Mapping[str, str]) -> None:
    """Puts a line for every set that has a result file into the program's README."""
    lines = [
        "| data | full table | share | ours | accuracy | best rival | accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    for dataset in text_rows.DATASETS:
        path = root / "results" / f"text_{dataset}.json"
        if path.exists():
            lines += _lines(titles[dataset], json.loads(path.read_text()))
        else:
            lines.append(f"| {titles[dataset]} | not measured yet | | | | | |")
    document.describe(root, NAME, "\n".join(lines), "text_classification")


def _lines(title: str, content: Mapping[str, Any]) -> list[str]:
    (full,) = (point for point in content["points"] if point["row"] == "full")
    size = full["emb_params"]["mean"]
    head = f"{title} | {accuracy(full)}, {size / 1e6:.2f}M"
    lines = []
    for pair in content["budgets"]:
        line = f"| {head} | {100 * pair['share']:g} % |"
        for point in (pair["ours"], pair["rival"]):
            line += f" {_named(point, size)} |"
        lines.append(line)
        head = " | "
    return lines


def _named(point: Mapping[str, Any] | None, full: float) -> str:
    if point is None:
        return "none so small |"
    times = full / point["emb_params"]["mean"]
    name = point["line"].replace("_", " ")
    return f"{name}, 1/{times:.0f} of the parameters | {accuracy(point)}"


def accuracy(point: Mapping[str, Any]) -> str:
    """Mean ± deviation in percent."""
    return f"{point['value']['mean']:.2f} ± {point['value']['deviation']:.2f}"
