r"""The tables of all sets of texts, one after another.

    python -m experiments.tables.text_classification --r8=FOLDER --r52=FOLDER \
        --20ng=FOLDER --ag_news_32k=FOLDER --imdb=FOLDER
    python -m experiments.tables.text_classification --from_results

A set without a folder is left out. What is finished is not trained again; the same
command, started twice, shares the work. The second one trains nothing and writes README
and pictures anew.
"""

from absl import flags

from experiments.runner import cli
from experiments.runner.settings import SettingError
from experiments.tables.commands import command, define_flags, run
from experiments.tables.text_classification.rows import DATASETS


def programs() -> list[list[str]]:
    """Module and arguments of every program.

    Raises:
      SettingError: no data set is given.
    """
    values = flags.FLAGS
    chosen = [name for name in DATASETS if values.from_results or values[name].value]
    if not chosen:
        raise SettingError(f"Give the folder of a data set: --{', --'.join(DATASETS)}.")
    module = "experiments.tables.text_classification.accuracy"
    found = [
        command(module, f"--dataset={name}", dataset=name, folder=name)
        for name in chosen
    ]
    module = "experiments.tables.text_classification.options"
    if values.from_results:
        found.append(command(module, dataset="r8"))
    elif values.r8 and values.wordnet_dir:
        wordnet = f"--wordnet_dir={values.wordnet_dir}"
        found.append(command(module, wordnet, dataset="r8", folder="options"))
    return found


if __name__ == "__main__":
    define_flags("runs/tables/text", DATASETS)
    flags.DEFINE_string("wordnet_dir", None, "WordNet's folder, for the options on R8.")
    cli.run(lambda: run(programs()))
