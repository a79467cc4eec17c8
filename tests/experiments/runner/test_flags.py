"""Flags of a program: defaults, groups, lists and help."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from absl import flags
from experiments.recommendation.task import Recommendation as Task
from experiments.runner import flags as program_flags
config_class = type(Task.configs[Task.default_config])
program_flags.define(config_class, Task.configs, Task.default_config)
program_flags.define_run("runs")
for line in sys.stdin.read().splitlines():
    arguments = line.split()
    if "--help" in arguments:
        names = ("config", "workdir", "resume")
        print(program_flags.help_text("What it does.", Task.configs, names, arguments))
        print("=====")
        continue
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["program", *arguments])
    try:
        config, mode = program_flags.parse(Task.configs), program_flags.mode()
        print((config.changes(), mode))
    except ValueError as error:
        print(type(error).__name__, error)
    print("=====")
"""
LINES = [
    "",
    "--config=movielens_1m_ant_5_10 --l1=0.5 --nobiases --resume",
    "--budgets=300,200 --rating_range=1,5",
    "--budgets=300,many",
    "--epochs=0",
    "--resume --overwrite",
    "--help",
    "--help --config=movielens_1m_tuned",
]


@pytest.fixture(scope="module")
def outputs():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(LINES),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return dict(zip(LINES, done.stdout.split("=====\n"), strict=False))


def test_a_flag_that_is_given_overrides_the_config(outputs):
    assert "'biases': True" in outputs[""]
    assert "'new')" in outputs[""]
    changed = outputs[LINES[1]]
    assert "'l1': 0.5" in changed
    assert "'budgets': (10800,)" in changed
    assert "biases" not in changed
    assert "'resume')" in changed


def test_lists_are_numbers(outputs):
    assert "'budgets': (300, 200)" in outputs[LINES[2]]
    assert "'rating_range': (1.0, 5.0)" in outputs[LINES[2]]
    expected = (
        "SettingError budgets must be integers with commas between, got '300,many'"
    )
    assert expected in outputs[LINES[3]]


def test_what_is_wrong_is_said_as_a_setting(outputs):
    assert "SettingError epochs must be at least 1, got 0" in outputs["--epochs=0"]
    assert "SettingError --resume and --overwrite exclude" in outputs[LINES[5]]


def test_help_is_grouped_and_shows_the_defaults_of_the_config(outputs):
    text = outputs["--help"]
    assert text.startswith("What it does.\n\nrun:\n  --config=quickstart")
    groups = [line[:-1] for line in text.splitlines() if line.endswith(":")]
    for group in ("run", "data", "embedding", "anchors", "nbant", "training"):
        assert groups.count(group) == 1
    assert "  --l1=0.0001 " in text
    assert "  --[no]biases=true " in text
    assert "  --batch_size=32 " in text
    assert "One of adaptive, euclidean." in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 88
    # What only methods read that the program does not have is not listed.
    assert "  --rank=4 " in text
    assert "For hashing, hash_embedding, quotient_remainder." in " ".join(text.split())
    assert "--kl_weight" not in text
    assert "--codes" not in text
    tuned = outputs[LINES[7]]
    assert "  --batch_size=256 " in tuned
    assert "  --l1=2e-05 " in tuned
    assert "The defaults are those of --config=movielens_1m_tuned" in tuned
