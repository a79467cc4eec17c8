"""What `make train` prints, for the README.

    python -m experiments.tables.quickstart

trains ANT and the full table on the default ratings and writes
`results/quickstart.json` and the README's table.
"""

import dataclasses
from pathlib import Path

from absl import flags

from ant_jax.report import results_table
from experiments.recommendation.configs import CONFIGS
from experiments.recommendation.train import train_and_evaluate
from experiments.runner import cli
from experiments.tables import document

_ROOT = Path(__file__).parents[2]

flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
flags.DEFINE_string("workdir", "runs/tables/quickstart", "Folder of both runs.")


def main() -> None:
    """Trains what is missing and writes the table."""
    results = []
    for method in ("ant", "full"):
        config = dataclasses.replace(CONFIGS["quickstart"], method=method)
        folder = Path(flags.FLAGS.workdir) / method
        results.append(
            train_and_evaluate(config, folder, "resume", flags.FLAGS.cache_dir)
        )
    table = results_table(results)
    document.store(_ROOT, "quickstart", {"table": "quickstart", "rows": results})
    document.insert(_ROOT / "README.md", "quickstart", table)
    print(table)


if __name__ == "__main__":
    cli.run(main)
