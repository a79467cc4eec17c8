"""One command for all tables of the recommender."""

import pytest

from experiments.tables import commands
from experiments.tables.recommendation import __main__ as program


@pytest.fixture
def values(monkeypatch, flag_values):
    names = ("movielens_1m", "epinions", "cache_dir", "workdir")
    given = {name: name for name in names}
    values = flag_values(names, booleans=("from_results",), **given)
    for module in (program, commands):
        monkeypatch.setattr(module.flags, "FLAGS", values)
    return values


def test_one_command_runs_every_program_of_a_table(values):
    found = program.programs()
    assert len({command[0] for command in found}) == 8
    assert "--data_dir=movielens_1m" in found[0]
    assert "--data_dir=epinions" in found[1]
    made = {part.partition("=")[2] for command in found for part in command}
    read = [part for command in found for part in command if "--runs=" in part]
    assert read
    assert {part.partition("=")[2] for part in read} <= made


def test_a_missing_folder_is_named_before_anything_is_trained(values):
    values.epinions = None
    with pytest.raises(ValueError, match="Give the folder of the data set: --epinions"):
        program.programs()


def test_tables_are_published_from_their_files_without_data(values):
    values.movielens_1m = values.epinions = None
    values.from_results = True
    found = program.programs()
    assert len(found) == 8
    assert all(command[-1] == "--from_results" for command in found)
    assert not any("--data_dir" in part for command in found for part in command)
