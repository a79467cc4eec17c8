"""One command for the tables of all sets of texts."""

import pytest

from experiments.tables import commands
from experiments.tables.text_classification import __main__ as program
from experiments.tables.text_classification.rows import DATASETS

OPTIONS = "experiments.tables.text_classification.options"


@pytest.fixture
def values(monkeypatch, flag_values):
    strings = (*DATASETS, "cache_dir", "workdir", "wordnet_dir")
    values = flag_values(strings, booleans=("from_results",), workdir="runs")
    for module in (program, commands):
        monkeypatch.setattr(module.flags, "FLAGS", values)
    return values


def test_one_command_makes_the_tables_of_the_folders_it_is_given(values):
    with pytest.raises(ValueError, match="Give the folder of a data set: --r8, --r52"):
        program.programs()
    values.imdb, values.cache_dir = "reviews", "cache"
    ((module, *arguments),) = program.programs()
    assert module == "experiments.tables.text_classification.accuracy"
    assert sorted(arguments) == [
        "--cache_dir=cache",
        "--data_dir=reviews",
        "--dataset=imdb",
        "--workdir=runs/imdb",
    ]


def test_all_tables_are_published_from_their_files(values):
    values.from_results = True
    *found, options = program.programs()
    assert [command[1] for command in found] == [f"--dataset={d}" for d in DATASETS]
    assert all(command[2:] == ["--from_results"] for command in found)
    assert options == [OPTIONS, "--from_results"]


def test_the_options_need_wordnet(values):
    values.r8, values.wordnet_dir = "r8", "wordnet"
    _, (module, *arguments) = program.programs()
    assert module == OPTIONS
    assert sorted(arguments) == [
        "--data_dir=r8",
        "--wordnet_dir=wordnet",
        "--workdir=runs/options",
    ]
