"""What `make train` prints, for the README.

    python -m experiments.tables.quickstart

trains ANT and the full table on the default ratings and writes
`results/quickstart.json` and the README's table.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments.recommendation.configs import CONFIGS
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.table import results_table
from experiments.runner.train import train_and_evaluate
from experiments.tables import document, program
from experiments.tables.runs import defaults, settings


def measure() -> list[dict[str, Any]]:
    """Trains the missing runs."""
    values, results = flags.FLAGS, []
    for method in ("ant", "full"):
        config = dataclasses.replace(CONFIGS["quickstart"], method=method)
        folder = Path(values.workdir) / method
        results.append(
            train_and_evaluate(
                Recommendation, config, folder, "resume", values.cache_dir
            )
        )
    return results


def content(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The result file."""
    rows = [{**r, "config": settings(Recommendation, r)} for r in results]
    return {"table": "quickstart", "defaults": defaults(Recommendation), "rows": rows}


def publish(content: program.Content, root: Path) -> None:
    """Writes the README's table below `root`."""
    table = results_table(content["rows"])
    document.insert(root / "README.md", "quickstart", table)
    print(table)


if __name__ == "__main__":
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", "runs/tables/quickstart", "Folder of both runs.")
    program.define_from_results()
    cli.run(lambda: program.main("quickstart", measure, content, publish))
