"""The program as a person runs it: flags, messages, exit status, a kill."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import pytest

from experiments.data import load_ratings
from experiments.runner.errors import BusyError
from experiments.runner.metrics import read_metrics

# A run whose state is all there can be: anchors that come and go, by lazy rows.
NBANT = {
    "method": "nbant",
    "user_anchors": 4,
    "item_anchors": 4,
    "max_anchors": 8,
    "anchor_cost": 0.05,
    "epochs": 12,
    "patience": 12,
    "refit_epochs": 0,
}


@pytest.fixture(scope="module")
def settings(small, ratings_file):
    """Flags of a small run, without its work directory; its data are prepared."""
    cache = str(ratings_file.parent / "cache")
    load_ratings("csv", str(ratings_file), cache)
    flags = [
        f"--{name}={value}"
        for name, value in dataclasses.asdict(small).items()
        if value not in (None, ())
    ]
    return [*flags, f"--cache_dir={cache}"]


def start(flags):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.recommendation", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def error_of(status, stdout, stderr):
    """The one line that a program which must fail said about it."""
    assert status == 1
    assert stdout == ""
    progress = ("Preparing ", "epoch ")
    lines = [line for line in stderr.splitlines() if not line.startswith(progress)]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_numbers(settings, run, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    flags = [f"--{name}={value}" for name, value in NBANT.items()]
    command = [*settings, *flags, "--resume"]
    process = start([*command, f"--workdir={killed}"])
    deadline = time.monotonic() + 240
    while len(read_metrics(killed / "metrics.jsonl")) < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # While it stands still, another run is kept out, even one that would replace it.
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(BusyError, match="Another run is writing to"):
        run(killed, mode="overwrite", **NBANT)
    process.kill()
    process.communicate()
    assert not (killed / "result.json").exists()
    assert 3 <= len(read_metrics(killed / "metrics.jsonl")) < 12

    processes = [start([*command, f"--workdir={folder}"]) for folder in (killed, whole)]
    (stdout, stderr), _ = (process.communicate(timeout=240) for process in processes)
    assert "| nbant " in stdout
    assert "epoch 12/12" in stderr
    assert "epoch 1/12" not in stderr
    result, expected = (
        json.loads((folder / "result.json").read_text()) for folder in (killed, whole)
    )
    assert expected["epochs"] == 12
    for name in ("value", "validation", "emb_params", "anchors", "epochs", "config"):
        assert result[name] == expected[name]
    courses = [
        [
            (row["anchors_users"], row["objective"])
            for row in read_metrics(folder / "metrics.jsonl")
        ]
        for folder in (killed, whole)
    ]
    assert courses[0] == courses[1]
    assert len({anchors for anchors, _ in courses[0]}) > 2


def test_a_full_disk_is_one_message(settings, tmp_path):
    # A limit on the size of files stands in for a full disk.
    program = "import resource as r, runpy; r.setrlimit(r.RLIMIT_FSIZE, (4096, 4096));"
    program += "runpy.run_module('experiments.recommendation', run_name='__main__')"
    folder = tmp_path / "run"
    cheap = ["--method=hashing", f"--workdir={folder}"]
    done = subprocess.run(
        [sys.executable, "-c", program, *settings, *cheap],
        capture_output=True,
        text=True,
        timeout=240,
    )
    message = error_of(done.returncode, done.stdout, done.stderr)
    assert f"Cannot write checkpoints to {folder}" in message
    assert "File too large. Free some space there" in message
    assert not (folder / "result.json").exists()


BAD_FLAGS = [
    (["--method=magic"], "flag --method=magic: value should be one of <ant|nbant|"),
    (["--methods=full,magic"], "error: Unknown method 'magic'; known ones: ant, nbant"),
    (["--dataset=magic"], "movielens_small"),
    (["--batch_size=none"], "flag --batch_size=none"),
    (["--config=magic"], "flag --config=magic"),
    (["--no_such_flag=1"], "no_such_flag"),
    (["resume"], "Unknown argument 'resume'"),
    (["--data_dir=nowhere.csv"], "nowhere.csv"),
    (["--resume", "--overwrite"], "exclude each other"),
    (["--workdir=/dev/null/run"], "Cannot write to the work directory"),
    (["--batch_size=4096"], "larger than the 1920 training examples"),
    (["--budgets=300,31"], "for 31 parameters, but ant needs at least 60"),
    (["--budgets=300,400"], "budgets must fall, got (300, 400)"),
    (["--budgets=300,many"], "budgets must be integers with commas between, got '300,"),
    (["--budgets=300", "--method=low_rank"], "not low_rank"),
    (["--method=nbant", "--max_anchors=3"], "below the 6 user_anchors to start with"),
    (["--warm_start_epochs=1"], "--anchors_start=signed_basis"),
    (["--method=mixed_dimension", "--mixed_first=0"], "first_features must be"),
    (["--data_dir={bad_row}"], "line 3: the rating is 'five', not a finite number"),
]

# Starting JAX takes seconds, so one process does and forks for every command line.
RUN_ALL = """
import json, os, sys, tempfile
from experiments.recommendation.task import Recommendation
from experiments.runner import program

def run(flags):
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]
    child = os.fork()
    if not child:
        for descriptor, file in enumerate(files, start=1):
            os.dup2(file.fileno(), descriptor)
        sys.argv[1:] = flags
        status = 2
        try:
            program.run(Recommendation)
        except SystemExit as end:
            status = end.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, *(file.seek(0) or file.read() for file in files)

print(json.dumps([run(flags) for flags in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def outcomes(settings, tmp_path_factory):
    """What each command line with bad flags came to, and the folder it was given."""
    folder = tmp_path_factory.mktemp("bad")
    bad_row = folder / "ratings.csv"
    bad_row.write_text("user,item,rating\na,b,4\na,c,five\n")
    command_lines = [
        [*settings, f"--workdir={folder / 'run'}"]
        + [flag.format(bad_row=bad_row) for flag in flags]
        for flags, _ in BAD_FLAGS
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN_ALL],
        input=json.dumps(command_lines),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return json.loads(done.stdout), folder / "run"


@pytest.mark.parametrize(
    "index", range(len(BAD_FLAGS)), ids=[" ".join(flags) for flags, _ in BAD_FLAGS]
)
def test_bad_input_is_one_message(index, outcomes):
    (_, message), (status, stdout, stderr) = BAD_FLAGS[index], outcomes[0][index]
    if stderr.startswith("FATAL Flags parsing error"):
        # absl's own words, with a hint at --help.
        assert status == 1
        assert message in stderr
    else:
        assert message in error_of(status, stdout, stderr)
    assert not outcomes[1].exists()
