"""Flags of where a run is kept, which every training program has."""

from absl import flags

from ant_jax.training.workdir import Mode


def define(workdir: str) -> None:
    """Defines the flags; `workdir` is where runs are if nothing else is said."""
    flags.DEFINE_string("workdir", workdir, "Folder of this run.")
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
