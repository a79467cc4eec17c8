"""What every program that makes a table does: measure, store, publish."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from absl import flags

from experiments.tables import document

Content = Mapping[str, Any]  # of a result file
Measured = TypeVar("Measured")


def define_flags(workdir: str) -> None:
    """Defines the flags of all of them; `workdir` is where runs go if not given."""
    flags.DEFINE_string("data_dir", None, "Folder of the data set.")
    flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
    flags.DEFINE_string("workdir", workdir, "Folder of all runs.")
    define_from_results()


def define_from_results() -> None:
    """Defines the flag that `main` asks."""
    text = "Train nothing: write READMEs and pictures anew from results/*.json."
    flags.DEFINE_boolean("from_results", False, text)


def main(
    name: str,
    measure: Callable[[], Measured | None],
    content: Callable[[Measured], Content],
    publish: Callable[[Content, Path], None],
) -> None:
    """Makes a table, or writes it anew from its result file.

    Args:
      name: of the result file.
      measure: trains the missing runs, or reads them; None while other processes train.
      content: makes of it what the result file holds.
      publish: writes READMEs and pictures below a folder.
    """
    if not flags.FLAGS.from_results:
        measured = measure()
        if measured is None:
            return
        document.store(document.ROOT, name, content(measured))
    publish(document.load(document.ROOT, name), document.ROOT)
    print(f"The table of results/{name}.json is written.")
