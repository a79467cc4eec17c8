"""Table 14 of Anchor & Transform beside ours, and the same for Epinions.

    python -m experiments.tables.recommendation.ratings --data_dir=FOLDER

(`--dataset=epinions` for the second) trains every row with every seed and writes
`results/<dataset>.json`, the picture `docs/<dataset>.png` and the table of the READMEs.
Runs that are finished are not trained again, runs that were cut off go on, and started
twice it shares the work.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.recommendation.configs import (
    CONFIGS,
    Config,
    tuned,
    tuned_ant,
    tuned_nbant,
)
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.metric import MSE
from experiments.tables import document, markdown, paper, program, runs
from experiments.tables.recommendation import pictures
from experiments.tables.summary import kilobytes, plus_minus, summarize, thousands

DATASETS = ("movielens_1m", "epinions")
_PUBLISHED = "ant_table14_movielens1m"
# (d, temperature, blocks) of the published rows; those of d = 32 have vectors of 16,
# and 32 numbers only in the first block.
_MIXED = (
    *((16, 0.4, 8), (16, 0.4, 16), (16, 0.6, 8), (16, 0.6, 16)),
    *((32, 0.6, 8), (32, 0.6, 16)),
)


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the table: what we trained, and what was published of it."""

    label: str
    row: str
    published: int | None  # line of the published table
    budget: int | None = None  # which budget of the row


def rows(dataset: str) -> dict[str, Config]:
    """Config by row."""
    if dataset == "epinions":
        return _epinions()
    published = CONFIGS["movielens_1m_ant_15_15"]
    configs = {
        row: CONFIGS[f"movielens_1m_{row}"]
        for row in ("full", "ant_120_8", "ant_15_15", "ant_5_10")
    }
    for l1 in (1e-4, 2e-4):
        configs[f"nbant_{l1:g}"] = dataclasses.replace(
            published, method="nbant", user_anchors=10, item_anchors=10, l1=l1
        )
    for first, temperature, blocks in _MIXED:
        configs[f"mixed_{first}_{temperature}_{blocks}"] = tuned(
            method="mixed_dimension",
            biases=False,
            features=16,
            mixed_first=first,
            mixed_temperature=temperature,
            mixed_blocks=blocks,
        )
    configs["full_tuned"] = tuned(method="full")
    configs["ant_tuned"] = tuned_ant(budgets=(59_400, 29_200, 10_800))
    configs["nbant_tuned"] = tuned_nbant(budgets=(27_700, 10_600))
    return configs


def _epinions() -> dict[str, Config]:
    def of(config: Config) -> Config:
        return dataclasses.replace(
            config,
            dataset="epinions",
            seen_only=True,
            batch_size=1024,
            halving_steps=3000,
            l1_warmup_steps=3000 if config.method in ("ant", "nbant") else 0,
        )

    configs = {
        "full": tuned(method="full", biases=False, table_stddev=1e-2),
        "full_tuned": tuned(method="full"),
        "full_1": tuned(method="full", features=1),
        "mixed_16_0.4_8": tuned(method="mixed_dimension", mixed_temperature=0.4),
        "mixed_16_0.6_8": tuned(method="mixed_dimension"),
        "ant_tuned": tuned_ant(budgets=(120_000, 50_000)),
        # The small start collapsed with one of three seeds.
        "nbant_tuned": tuned_nbant(budgets=(50_000,), transform_stddev=1e-2, l1=1e-5),
    }
    return {row: of(config) for row, config in configs.items()}


def lines(dataset: str) -> list[Line]:
    """The table from top to bottom."""
    if dataset == "epinions":
        return [
            Line("full table", "full", None),
            Line("full table, biases", "full_tuned", None),
            Line("full table, d = 1, biases", "full_1", None),
            Line("MixDim 0.4/8, biases", "mixed_16_0.4_8", None),
            Line("MixDim 0.6/8, biases", "mixed_16_0.6_8", None),
            Line("ANT, tuned", "ant_tuned", None, 120_000),
            Line("ANT, tuned", "ant_tuned", None, 50_000),
            Line("nbANT, tuned", "nbant_tuned", None, 50_000),
        ]
    mixed = [
        Line(f"MixDim d={first} {temperature}/{blocks}", row, 1 + index)
        for index, (first, temperature, blocks) in enumerate(_MIXED)
        if (row := f"mixed_{first}_{temperature}_{blocks}")
    ]
    return [
        Line("full table", "full", 0),
        *mixed,
        Line("ANT 120/8", "ant_120_8", 7),
        Line("ANT 15/15", "ant_15_15", 8),
        Line("ANT 5/10", "ant_5_10", 9),
        Line("nbANT, l1 1e-4", "nbant_0.0001", 10),
        Line("nbANT, l1 2e-4", "nbant_0.0002", 11),
        Line("full table, tuned", "full_tuned", 0),
        Line("ANT, tuned", "ant_tuned", 7, 59_400),
        Line("ANT, tuned", "ant_tuned", 8, 29_200),
        Line("ANT, tuned", "ant_tuned", 9, 10_800),
        Line("nbANT, tuned", "nbant_tuned", 10, 27_700),
        Line("nbANT, tuned", "nbant_tuned", 11, 10_600),
    ]


def content(dataset: str, results: runs.Results) -> dict[str, Any]:
    """The result file."""
    return {
        "table": dataset,
        "lines": [_entry(line, results[line.row]) for line in lines(dataset)],
        **runs.recorded(Recommendation, results),
    }


def _entry(line: Line, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A line of the result file: what we measured over the seeds, and the published."""
    stages = results
    if line.budget is not None:
        index = results[0]["config"]["budgets"].index(line.budget)
        stages = [result["budgets"][index] for result in results]
    entry: dict[str, Any] = {"name": line.label, "row": line.row}
    if line.published is not None:
        source = paper.table(_PUBLISHED)[line.published]
        entry["published_mse"] = float(source["mse"])
        entry["published_emb_params"] = int(source["emb_params"])
    entry["mse"] = summarize([stage["value"] for stage in stages])
    for key in ("validation", "emb_params", "emb_bytes"):
        entry[key] = summarize([stage[key] for stage in stages])
    anchors = [result["anchors"] for result in results]
    return entry | {"anchors": anchors} if any(anchors) else entry


def publish(content: program.Content, root: Path) -> None:
    """Draws the picture and writes the READMEs' tables below `root`."""
    dataset, entries = content["table"], content["lines"]
    document.describe(root, "recommendation", dataset, render(entries))
    if dataset == "movielens_1m":
        pictures.scatter(entries, document.picture(root, dataset))
        short = [entry for entry in entries if "tuned" in entry["name"]]
        document.insert(root / "README.md", dataset, render(short))


def render(entries: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown: ours as mean ± deviation over the seeds."""
    rows = []
    for entry in entries:
        published, params = " | ", entry["emb_params"]
        if "published_mse" in entry:
            size = entry["published_emb_params"] / 1000
            published = f"{entry['published_mse']:.3f} | {size:.1f}K"
        rows.append(
            f"{entry['name']} | {published} | {plus_minus(entry['mse'], MSE.digits)}"
            f" | {thousands(params)} ± {params['deviation'] / 1000:.1f}K"
            f" | {kilobytes(entry['emb_bytes'])}"
        )
    heads = "method | published MSE | parameters | our MSE | parameters | bytes"
    return markdown.table(heads, rows)


def main() -> None:
    """Trains the missing runs and writes the table of a data set."""
    dataset = flags.FLAGS.dataset
    program.main(
        dataset,
        lambda: runs.train_rows(Recommendation, rows(dataset)),
        lambda results: content(dataset, results),
        publish,
    )


if __name__ == "__main__":
    program.define_flags("runs/tables/ratings")
    runs.define_flags()
    flags.DEFINE_enum("dataset", "movielens_1m", DATASETS, "Data set of --data_dir.")
    cli.run(main)
