"""Flags of the recommendation program."""

from absl import flags

from ant_jax.report import results_table
from ant_jax.training.workdir import Mode
from experiments import cli, config_flags
from experiments.recommendation.configs import CONFIGS, Config
from experiments.recommendation.train import train_and_evaluate

config_flags.define(Config, CONFIGS, default="quickstart")
flags.DEFINE_string("workdir", "runs/recommendation", "Folder of this run.")
flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
flags.DEFINE_boolean("resume", False, "Go on with the run in --workdir.")
flags.DEFINE_boolean("overwrite", False, "Replace the run in --workdir.")


def mode() -> Mode:
    """What to do with a run that is in the work directory already."""
    if flags.FLAGS.resume and flags.FLAGS.overwrite:
        raise ValueError("--resume and --overwrite exclude each other.")
    if flags.FLAGS.resume:
        return "resume"
    return "overwrite" if flags.FLAGS.overwrite else "new"


def main() -> None:
    """Trains one method and prints its row."""
    result = train_and_evaluate(
        config_flags.parse(CONFIGS),
        flags.FLAGS.workdir,
        mode(),
        flags.FLAGS.cache_dir,
    )
    print(results_table([result]))


def run() -> None:
    """Starts the program."""
    cli.run(main)
