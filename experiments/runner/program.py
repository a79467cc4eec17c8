"""A training program: flags, one run or several to compare, a table of results."""

import dataclasses
import sys
from pathlib import Path

from absl import flags

from experiments.runner import cli
from experiments.runner import flags as settings_flags
from experiments.runner.settings import SettingError
from experiments.runner.table import results_table
from experiments.runner.task import Task
from experiments.runner.train import train_and_evaluate

_RUN_FLAGS = ("config", "workdir", "methods", "resume", "overwrite", "cache_dir")


def run(task: type[Task]) -> None:
    """Starts the program of a task."""
    config_class = type(task.configs[task.default_config])
    settings_flags.define(config_class, task.configs, task.default_config)
    settings_flags.define_run(f"runs/{task.name}")
    flags.DEFINE_list(
        "methods",
        None,
        "Methods to compare instead of --method, each in a folder of its own below "
        "--workdir.",
    )

    def help() -> str:
        shown = (*_RUN_FLAGS, "debug")
        return settings_flags.help_text(
            task.description, task.configs, shown, sys.argv[1:]
        )

    cli.run(lambda: _main(task), help)


def _main(task: type[Task]) -> None:
    """Trains one method, or several, and prints a row for each."""
    config = settings_flags.parse(task.configs)
    folder, methods = Path(flags.FLAGS.workdir), flags.FLAGS.methods
    configs = {folder: config}
    if methods is not None:
        configs = {
            folder / method: dataclasses.replace(config, method=method)
            for method in methods
        }
    if not configs:
        raise SettingError("methods must name a method.")
    mode, cache_dir = settings_flags.mode(), flags.FLAGS.cache_dir
    results = [
        train_and_evaluate(task, one, path, mode, cache_dir)
        for path, one in configs.items()
    ]
    print(results_table(results))
