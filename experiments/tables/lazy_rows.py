"""One run of MovieLens 1M by lazy rows, by the dense optimizer, and in bfloat16.

    python -m experiments.tables.lazy_rows --data_dir=FOLDER

trains the row 15/15 of the table of MovieLens 1M all three ways and writes
`results/lazy_rows.json` and the table of the program's README. Runs that are finished
are not trained again, and runs that were cut off go on.
"""

import dataclasses
from pathlib import Path
from typing import Any

from absl import flags

from experiments.recommendation.configs import CONFIGS
from experiments.recommendation.train import train_and_evaluate
from experiments.runner import cli
from experiments.tables import document

_ROOT = Path(__file__).parents[2]
_CONFIG = CONFIGS["movielens_1m_ant_15_15"]
_CHANGES: dict[str, dict[str, Any]] = {
    "lazy": {},
    "dense": {"lazy_rows": False},
    "lazy_bfloat16": {"slot_dtype": "bfloat16"},
}


def main() -> None:
    """Trains what is missing and writes the table."""
    runs = {}
    for name, changes in _CHANGES.items():
        config = dataclasses.replace(_CONFIG, data_dir=flags.FLAGS.data_dir, **changes)
        folder = Path(flags.FLAGS.workdir) / name
        result = train_and_evaluate(config, folder, "resume", flags.FLAGS.cache_dir)
        result["config"].pop("data_dir")
        runs[name] = result
    write_table(runs, _ROOT)
    print(markdown(runs))


def write_table(runs: dict[str, dict[str, Any]], root: Path) -> None:
    """Writes the result file and the README's table below `root`."""
    difference = runs["lazy"]["value"] - runs["dense"]["value"]
    content = {"table": "lazy_rows", "difference": difference, **runs}
    document.store(root, "lazy_rows", content)
    document.describe(root, "lazy_rows", markdown(runs))


def markdown(runs: dict[str, dict[str, Any]]) -> str:
    """The runs as a table in Markdown."""
    lines = [
        "| optimizer | test MSE | embedding parameters | epochs | ratings a second |",
        "|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        lines.append(
            f"| {name.replace('_', ', ')} | {run['value']:.6f} |"
            f" {run['emb_params']:,} | {run['epochs']} | {run['examples_per_s']:,.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", None, "Folder of MovieLens 1M.", required=True)
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", "runs/tables/lazy_rows", "Folder of all runs.")
    cli.run(main)
