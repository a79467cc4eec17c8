"""The program as a person runs it: flags, messages, exit status, a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ant_jax import training

SETTINGS = """--dataset=csv --features=4 --user_anchors=4 --item_anchors=4 --epochs=40
 --patience=40 --batch_size=16 --halving_steps=0""".split()


@pytest.fixture
def command(ratings_file):
    """The command line up to the work directory, and its environment."""
    line = [sys.executable, "-m", "experiments.recommendation", *SETTINGS]
    line += [f"--data_dir={ratings_file}"]
    line += [f"--cache_dir={ratings_file.parent / 'cache'}"]
    return line


def start(line, **options):
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def fails(line):
    """Runs a command that must fail and returns its one line of error."""
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_killed_run_goes_on_to_the_same_numbers(command, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start([*command, f"--workdir={killed}"])
    deadline = time.monotonic() + 120
    while len(training.read_metrics(killed / "metrics.jsonl")) < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (killed / "result.json").exists()
    done_before = len(training.read_metrics(killed / "metrics.jsonl"))
    assert done_before < 40

    refused = fails([*command, f"--workdir={killed}"])
    assert "holds an unfinished run" in refused and "--resume" in refused
    assert len(training.read_metrics(killed / "metrics.jsonl")) == done_before

    outputs = [
        start([*command, "--resume", f"--workdir={folder}"]).communicate(timeout=240)
        for folder in (killed, whole)
    ]
    results = [json.loads((f / "result.json").read_text()) for f in (killed, whole)]
    for name in ("value", "validation", "emb_params", "epochs", "best_epoch"):
        assert results[0][name] == results[1][name]
    assert results[0]["epochs"] == 40
    assert "| ant " in outputs[0][0]
    assert "epoch 40/40" in outputs[0][1]
    assert "epoch 1/40" not in outputs[0][1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--method=magic"], "error: Unknown method 'magic'; known ones: ant, full."),
        (["--dataset=magic"], "movielens_small"),
        (["--batch_size=none"], "batch_size"),
        (["--config=magic"], "config"),
        (["--no_such_flag=1"], "no_such_flag"),
        (["resume"], "Unknown argument 'resume'"),
        (["--data_dir=nowhere.csv"], "nowhere.csv"),
        (["--resume", "--overwrite"], "exclude each other"),
        (["--workdir=/dev/null/run"], "Cannot write to the work directory"),
    ],
)
def test_bad_input_is_one_message(flags, message, command, tmp_path):
    assert message in fails([*command, f"--workdir={tmp_path / 'run'}", *flags])
    assert not (tmp_path / "run").exists()


def test_a_bad_row_is_named(command, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\na,b,4\na,c,five\n")
    message = fails([*command, f"--workdir={tmp_path / 'run'}", f"--data_dir={path}"])
    assert "3" in message and "five" in message
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_message(command, tmp_path):
    # A limit on the size of files stands in for a full disk.
    limited = ["bash", "-c", 'ulimit -f 4; exec "$@"', "bash", *command]
    message = fails([*limited, f"--workdir={tmp_path / 'run'}"])
    assert message.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "run" / "result.json").exists()
