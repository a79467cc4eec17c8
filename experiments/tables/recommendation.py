"""Every table and figure of the recommender, one after another.

    python -m experiments.tables.recommendation --movielens_1m=FOLDER --epinions=FOLDER

What is finished is not trained again; the same command, started twice, shares the work.
"""

import subprocess
import sys
from pathlib import Path

from absl import flags

from experiments import cli

flags.DEFINE_string("movielens_1m", None, "Folder of MovieLens 1M.", required=True)
flags.DEFINE_string("epinions", None, "Folder of Epinions.", required=True)
flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
flags.DEFINE_string("workdir", "runs/tables", "Folder of all runs.")


def main() -> None:
    """Runs the programs of all tables, each in a process of its own.

    Raises:
      ChildProcessError: one of them failed; its message stands above.
    """
    for command in commands():
        print("$ python -m", *command, flush=True)
        if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
            raise ChildProcessError(f"python -m {' '.join(command)} failed.")


def commands() -> list[list[str]]:
    """Module and arguments of every program; those that read runs come last."""
    root = Path(flags.FLAGS.workdir)
    movielens = f"--data_dir={flags.FLAGS.movielens_1m}"
    epinions = f"--data_dir={flags.FLAGS.epinions}"
    shared = []
    if flags.FLAGS.cache_dir:
        shared.append(f"--cache_dir={flags.FLAGS.cache_dir}")

    def program(name: str, *arguments: str, folder: str = "") -> list[str]:
        workdir = f"--workdir={root / (folder or name)}"
        return [f"experiments.tables.{name}", *arguments, workdir, *shared]

    return [
        program("ratings_table", movielens, folder="ratings"),
        program("ratings_table", epinions, "--dataset=epinions", folder="epinions"),
        program("pareto", movielens),
        program("ablation", movielens),
        program("anchor_grid", movielens),
        program("online", movielens),
        [*program("convergence"), f"--runs={root / 'pareto'}"],
        [*program("clusters", movielens), f"--runs={root / 'pareto'}"],
        program("lazy_rows", movielens),
    ]


if __name__ == "__main__":
    cli.run(main)
