r"""The tables of all sets of texts, one after another.

    python -m experiments.tables.text_classification --r8=FOLDER --r52=FOLDER \
        --20ng=FOLDER --ag_news_32k=FOLDER --imdb=FOLDER

What is finished is not trained again; the same command, started twice, shares the work.
"""

import subprocess
import sys
from pathlib import Path

from absl import flags

from experiments.runner import cli
from experiments.tables.text_rows import DATASETS


def define_flags() -> None:
    """Defines the flags of this program."""
    for name in DATASETS:
        flags.DEFINE_string(name, None, f"Folder of {name}; left out if not given.")
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", "runs/tables/text", "Folder of all runs.")


def main() -> None:
    """Runs the program of every table in a process of its own.

    Raises:
      ChildProcessError: one of them failed; its message stands above.
      ValueError: no data set is given.
    """
    programs = commands()
    if not programs:
        raise ValueError(f"Give the folder of a data set: --{', --'.join(DATASETS)}.")
    for command in programs:
        print("$ python -m", *command, flush=True)
        if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
            raise ChildProcessError(f"python -m {' '.join(command)} failed.")


def commands() -> list[list[str]]:
    """Module and arguments of every program."""
    values = flags.FLAGS
    shared = [f"--cache_dir={values.cache_dir}"] if values.cache_dir else []
    return [
        [
            "experiments.tables.text_table",
            f"--dataset={dataset}",
            f"--data_dir={values[dataset].value}",
            f"--workdir={Path(values.workdir) / dataset}",
            *shared,
        ]
        for dataset in DATASETS
        if values[dataset].value
    ]


if __name__ == "__main__":
    define_flags()
    cli.run(main)
