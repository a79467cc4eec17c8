"""`python -m experiments.text_classification`."""

from absl import flags

from experiments import cli, config_flags, run_flags
from experiments.text_classification import main

# So that --help lists the flags of these modules too.
for module in (main, config_flags, run_flags, cli):
    flags.adopt_module_key_flags(module)

if __name__ == "__main__":
    main.run()
