"""Accuracy against size on one set of texts: every method, mean over the seeds.

    python -m experiments.tables.text_table --dataset=r8 --data_dir=FOLDER

trains every row of `text_rows.rows` with every seed and writes
`results/text_<dataset>.json`, the picture `docs/text_<dataset>.png` and a table of the
program's README. Started twice it shares the work.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.runner import cli
from experiments.tables import document, pictures, runs, text_rows, text_summary

_ROOT = Path(__file__).parents[2]
_PUBLISHED = Path(__file__).parent / "published" / "ant_table11_text_classification.csv"
# Ours: what the table is to show the worth of.
OURS = ("ant", "anchor_mixture", "mixed_cluster", "cluster", "cluster_adjustment")
# Behind the name of what starts from the classes of the texts.
_CLASSES = "_classes"
TITLES = {
    "r8": "Reuters R8",
    "r52": "Reuters R52",
    "20ng": "20 Newsgroups",
    "ag_news_32k": "ag_news_32k",
    "imdb": "IMDB",
}


def main() -> None:
    """Trains what is missing and, once every row is there, writes the table."""
    dataset = flags.FLAGS.dataset
    results = runs.train_rows(text_rows.rows(dataset))
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
            method = of_seeds[0]["method"]
            informed = of_seeds[0]["config"]["anchors_choice"] == "classes"
            point = {
                "row": row,
                "method": method,
                "line": method + _CLASSES if informed else method,
                "budget": budget and int(budget),
            }
            for key in ("value", "validation", "emb_params", "emb_bytes"):
                point[key] = runs.summary([stage[key] for stage in at])
            point["wall_s"] = runs.summary([result["wall_s"] for result in of_seeds])
            found.append(point)
    return found


def best_within(
    found: Sequence[Mapping[str, Any]], budget: float, size: str = "emb_params"
) -> Mapping[str, Any] | None:
    """The most accurate point of at most this size."""
    # A size is a mean over seeds, which a run may miss by a few parameters.
    small = [point for point in found if point[size]["mean"] <= 1.001 * budget]
    return max(small, key=lambda point: point["value"]["mean"], default=None)


def at_budgets(
    dataset: str, found: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """For every budget the best of ours and the best rival, by parameters."""
    ours = [point for point in found if point["method"] in OURS]
    rivals = [point for point in found if point["method"] not in (*OURS, "full")]
    return [
        {
            "share": share,
            "budget": budget,
            "ours": best_within(ours, budget),
            "rival": best_within(rivals, budget),
        }
        for share, budget in zip(
            text_rows.SHARES, text_rows.budgets(dataset), strict=True
        )
    ]


def write(
    dataset: str, found: list[dict[str, Any]], results: runs.Results, root: Path
) -> None:
    """Writes result file, picture and table below `root`."""
    name = f"text_{dataset}"
    content: dict[str, Any] = {
        "table": "text_classification",
        "dataset": dataset,
        "points": found,
        "budgets": at_budgets(dataset, found),
        "published": published(dataset),
        "rows": runs.recorded(results),
    }
    document.store(root, name, content, indent=1)
    pictures.accuracy(
        found,
        TITLES[dataset],
        OURS,
        content["published"],
        document.picture(root, name),
    )
    document.describe(root, name, markdown(found), "text_classification")
    picture = f"![Accuracy against size on {TITLES[dataset]}](../../docs/{name}.png)"
    budgets = f"{budgets_markdown(dataset, found)}\n\n{picture}"
    document.describe(root, f"{name}_budgets", budgets, "text_classification")
    text_summary.write(root, TITLES)


def published(dataset: str) -> list[dict[str, Any]]:
    """The published lines of the data set most like this one: AG-News, whole."""
    if dataset != "ag_news_32k":
        return []
    with _PUBLISHED.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["dataset"] == "ag_news"]


def markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown: mean ± deviation over the seeds, by falling size."""
    lines = [
        "| method | accuracy | parameters | bytes | seconds |",
        "|---|---|---|---|---|",
    ]
    order = sorted(found, key=lambda p: (p["line"], -p["emb_params"]["mean"]))
    order.sort(key=lambda p: p["method"] != "full")
    lines += [
        f"| {point['row'].replace('_', ' ')} | {text_summary.accuracy(point)} |"
        f" {point['emb_params']['mean'] / 1000:.1f}K |"
        f" {point['emb_bytes']['mean'] / 1000:.1f} kB |"
        f" {point['wall_s']['mean']:.0f} |"
        for point in order
    ]
    return "\n".join(lines)


def budgets_markdown(dataset: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Ours beside the best rival, for every share of the full table."""
    lines = [
        "| share of the full table | ours | accuracy | best rival | accuracy |",
        "|---|---|---|---|---|",
    ]
    for pair in at_budgets(dataset, found):
        line = f"| {100 * pair['share']:g} % |"
        for one in (pair["ours"], pair["rival"]):
            name = "none so small" if one is None else one["row"].replace("_", " ")
            line += f" {name} | {'' if one is None else text_summary.accuracy(one)} |"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    runs.define_flags("runs/tables/text")
    flags.DEFINE_enum("dataset", "r8", text_rows.DATASETS, "Data set of --data_dir.")
    cli.run(main)
