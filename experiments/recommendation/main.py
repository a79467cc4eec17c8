"""Flags of the recommendation program."""

from absl import flags

from ant_jax.report import results_table
from experiments import cli, config_flags, run_flags
from experiments.recommendation.configs import CONFIGS, Config
from experiments.recommendation.train import train_and_evaluate

config_flags.define(Config, CONFIGS, default="quickstart")
run_flags.define("runs/recommendation")


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
