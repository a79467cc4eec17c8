"""The program as a person runs it: flags, messages, exit status."""

import dataclasses
import json
import subprocess
import sys

import pytest

from experiments.data import load_texts

GOOD = [
    "--method=cluster_adjustment",
    "--encoder=lstm",
    "--epochs=1",
    "--workdir={folder}/good",
]
BAD_FLAGS = [
    (["--method=magic"], "flag --method=magic: value should be one of <ant|nbant|"),
    (["--dataset=magic"], "Unknown data set 'magic'. Known are: 20ng, ag_news"),
    (["--config=magic"], "flag --config=magic"),
    (["resume"], "Unknown argument 'resume'"),
    (["--data_dir={folder}/nowhere"], "No train.tsv and test.tsv"),
    (["--resume", "--overwrite"], "exclude each other"),
    (["--batch_size=4096"], "larger than the 192 training examples"),
    (["--budgets=300,31"], "ask for 31 parameters, but ant needs at least 32"),
    (["--budgets=300", "--method=low_rank"], "not low_rank"),
    (["--min_count=9999"], "No word occurs 9999 times in training: lower min_count"),
    (["--data_dir={folder}/empty"], "line 2: the text is empty"),
    (["--data_dir={folder}/label"], "line 1: the class is 'pluto', not one of the 2"),
    (["--relations=cooccurrence"], "Relations need anchors that are words"),
]
FOLDERS = {
    "empty": ("sun\tbright\nmoon\t\n", "sun\tbright\n"),
    "label": ("sun\tbright\nmoon\tdark\n", "pluto\tfar\n"),
}

# Starting JAX takes seconds, so one process does and forks for every command line.
RUN_ALL = """
import json, os, sys, tempfile
from experiments.runner import program
from experiments.text_classification.task import TextClassification

def run(flags):
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]
    child = os.fork()
    if not child:
        for descriptor, file in enumerate(files, start=1):
            os.dup2(file.fileno(), descriptor)
        sys.argv[1:] = flags
        status = 2
        try:
            program.run(TextClassification)
        except SystemExit as end:
            status = end.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, *(file.seek(0) or file.read() for file in files)

print(json.dumps([run(flags) for flags in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def outcomes(small, text_dir, tmp_path_factory):
    """What each command line came to, and the folder they were given."""
    folder, cache = tmp_path_factory.mktemp("program"), str(text_dir.parent / "cache")
    load_texts("text", str(text_dir), cache, tokenizer="whitespace")
    for name, (train, test) in FOLDERS.items():
        (folder / name).mkdir()
        (folder / name / "train.tsv").write_text(train)
        (folder / name / "test.tsv").write_text(test)
    settings = [
        f"--{name}={value}"
        for name, value in dataclasses.asdict(small).items()
        if value not in (None, ())
    ]
    settings += [f"--cache_dir={cache}", f"--workdir={folder}/run"]
    command_lines = [
        [*settings, *(flag.format(folder=folder) for flag in flags)]
        for flags in (GOOD, *(flags for flags, _ in BAD_FLAGS))
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN_ALL],
        input=json.dumps(command_lines),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return json.loads(done.stdout), folder


def test_a_run_prints_its_row(outcomes):
    (status, stdout, stderr), folder = outcomes[0][0], outcomes[1]
    assert status == 0, stderr
    assert "| cluster_adjustment " in stdout
    assert "epoch 1/1" in stderr
    result = json.loads((folder / "good" / "result.json").read_text())
    assert result["config"]["encoder"] == "lstm"


@pytest.mark.parametrize(
    "index", range(len(BAD_FLAGS)), ids=[" ".join(flags) for flags, _ in BAD_FLAGS]
)
def test_bad_input_is_one_message(index, outcomes):
    (_, message), folder = BAD_FLAGS[index], outcomes[1]
    status, stdout, stderr = outcomes[0][index + 1]
    assert (status, stdout) == (1, "")
    assert message in stderr
    if not stderr.startswith("FATAL Flags parsing error"):
        lines = [n for n in stderr.splitlines() if not n.startswith("Preparing ")]
        lines = [line for line in lines if " words of " not in line]
        assert len(lines) == 1, stderr
        assert lines[0].startswith("error: ")
    assert not (folder / "run").exists()
