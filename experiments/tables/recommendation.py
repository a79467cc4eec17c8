"""Every table and figure of the recommender, one after another.

    python -m experiments.tables.recommendation --movielens_1m=FOLDER --epinions=FOLDER

What is finished is not trained again; the same command, started twice, shares the work.
"""

import subprocess
import sys
from pathlib import Path

from absl import flags

from experiments.runner import cli


def define_flags() -> None:
    """Defines the flags of this program."""
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

    def program(name: str, *arguments: str) -> list[str]:
        return [f"experiments.tables.{name}", *arguments, *shared]

    def training(name: str, *arguments: str, folder: str = "") -> list[str]:
        return program(name, *arguments, f"--workdir={root / (folder or name)}")

    pareto = f"--runs={root / 'pareto'}"
    compared = "--rows=ant,full_16,mixed_dimension_0.6,sparse_cbow_16,low_rank_4"
    return [
        training("ratings_table", movielens, folder="ratings"),
        training("ratings_table", epinions, "--dataset=epinions", folder="epinions"),
        training("pareto", movielens),
        training("ablation", movielens, "--seeds=0"),
        training("anchor_grid", movielens),
        training("online", movielens),
        training("lazy_rows", movielens),
        program("clusters", movielens, pareto, "--budget=59400"),
        ["experiments.tables.convergence", pareto, compared],
    ]


if __name__ == "__main__":
    define_flags()
    cli.run(main)
