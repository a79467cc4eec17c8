"""The programs of all tables, one after another, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from absl import flags

from experiments.runner.settings import SettingError
from experiments.tables import program


def define_flags(workdir: str, datasets: Iterable[str]) -> None:
    """Defines the flags of a program that runs others, one for every data set."""
    for name in datasets:
        flags.DEFINE_string(name, None, f"Folder of {name}.")
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", workdir, "Folder of all runs.")
    program.define_from_results()


def command(
    module: str, *arguments: str, dataset: str, folder: str | None = None
) -> list[str]:
    """Module and arguments of a program, see `program.define_flags`.

    Args:
      module: its name.
      arguments: those that only this program is given.
      dataset: the flag that has the folder of its data.
      folder: where it trains, below `--workdir`; None if it does not.

    Raises:
      SettingError: the flag is not given.
    """
    values, found = flags.FLAGS, [module, *arguments]
    if values.from_results:
        return [*found, "--from_results"]
    if not values[dataset].value:
        raise SettingError(f"Give the folder of the data set: --{dataset}.")
    found.append(f"--data_dir={values[dataset].value}")
    if folder is not None:
        found.append(f"--workdir={Path(values.workdir) / folder}")
    if values.cache_dir:
        found.append(f"--cache_dir={values.cache_dir}")
    return found


def run(commands: Iterable[Sequence[str]]) -> None:
    """Runs programs.

    Raises:
      ChildProcessError: one of them failed; its message stands above.
    """
    for one in commands:
        print("$ python -m", *one, flush=True)
        if subprocess.run([sys.executable, "-m", *one], check=False).returncode:
            raise ChildProcessError(f"python -m {' '.join(one)} failed.")
