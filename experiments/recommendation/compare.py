"""`python -m experiments.recommendation.compare`: several methods, one table."""

import dataclasses
from pathlib import Path

from absl import flags

from ant_jax.report import results_table
from experiments import cli, config_flags, run_flags
from experiments.recommendation import main as program
from experiments.recommendation.configs import CONFIGS, METHODS
from experiments.recommendation.train import train_and_evaluate

flags.DEFINE_list("methods", ["ant", "full"], f"Methods to train: {METHODS}.")

# So that --help lists the flags of these modules too.
for module in (program, config_flags, run_flags, cli):
    flags.adopt_module_key_flags(module)


def main() -> None:
    """Trains each method in a folder of its own below --workdir, prints all rows."""
    config = config_flags.parse(CONFIGS)
    configs = [dataclasses.replace(config, method=m) for m in flags.FLAGS.methods]
    results = [
        train_and_evaluate(
            one,
            Path(flags.FLAGS.workdir) / one.method,
            run_flags.mode(),
            flags.FLAGS.cache_dir,
        )
        for one in configs
    ]
    print(results_table(results))


if __name__ == "__main__":
    cli.run(main)
