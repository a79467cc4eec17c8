"""Flags of the text classification program."""

from absl import flags

from ant_jax.report import results_table
from experiments import cli, config_flags, run_flags
from experiments.text_classification.configs import CONFIGS, Config
from experiments.text_classification.train import train_and_evaluate

config_flags.define(Config, CONFIGS, default="quickstart")
run_flags.define("runs/text_classification")


def main() -> None:
    """Trains one method and prints its row."""
    result = train_and_evaluate(
        config_flags.parse(CONFIGS),
        flags.FLAGS.workdir,
        run_flags.mode(),
        flags.FLAGS.cache_dir,
    )
    print(results_table([result]))


def run() -> None:
    """Starts the program."""
    cli.run(main)
