"""One run of MovieLens 1M by lazy rows, by the dense optimizer, and in bfloat16.

    python -m experiments.tables.recommendation.lazy_rows --data_dir=FOLDER

trains the row 15/15 of the table of MovieLens 1M all three ways and writes
`results/lazy_rows.json` and the table of the program's README. Runs that are finished
are not trained again, and runs that were cut off go on.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from experiments.recommendation.configs import CONFIGS
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.train import train_and_evaluate
from experiments.tables import document, markdown, program
from experiments.tables.runs import defaults, settings

_CONFIG = CONFIGS["movielens_1m_ant_15_15"]
_CHANGES: dict[str, dict[str, Any]] = {
    "lazy": {},
    "dense": {"lazy_rows": False},
    "lazy_bfloat16": {"slot_dtype": "bfloat16"},
}


def measure() -> dict[str, dict[str, Any]]:
    """Trains the missing runs."""
    values, results = flags.FLAGS, {}
    for name, changes in _CHANGES.items():
        config = dataclasses.replace(_CONFIG, data_dir=values.data_dir, **changes)
        results[name] = train_and_evaluate(
            Recommendation,
            config,
            Path(values.workdir) / name,
            "resume",
            values.cache_dir,
        )
    return results


def content(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The result file."""
    return {
        "table": "lazy_rows",
        "difference": results["lazy"]["value"] - results["dense"]["value"],
        "defaults": defaults(Recommendation),
        "rows": {
            name: {**result, "config": settings(Recommendation, result)}
            for name, result in results.items()
        },
    }


def publish(content: program.Content, root: Path) -> None:
    """Writes the README's table below `root`."""
    table = markdown.table(
        "optimizer | test MSE | embedding parameters | epochs | ratings a second",
        (
            f"{name.replace('_', ', ')} | {run['value']:.6f} | {run['emb_params']:,}"
            f" | {run['epochs']} | {run['examples_per_s']:,.0f}"
            for name, run in content["rows"].items()
        ),
    )
    document.describe(root, "recommendation", "lazy_rows", table)


if __name__ == "__main__":
    program.define_flags("runs/tables/lazy_rows")
    cli.run(lambda: program.main("lazy_rows", measure, content, publish))
