"""Who may write into a work directory."""

import errno
import fcntl
import json
import os

import pytest

from experiments.runner.errors import WorkdirError
from experiments.runner.workdir import Workdir

CONFIG = {"method": "ant", "seed": 0, "l1": 1e-4}


def test_a_new_folder_is_made_and_holds_the_config(tmp_path):
    workdir = Workdir(tmp_path / "a" / "b")
    workdir.claim(CONFIG)
    assert json.loads(workdir.config.read_text()) == CONFIG


def test_another_run_is_refused_and_left_alone(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.claim(CONFIG)
    with pytest.raises(WorkdirError, match=r"an unfinished run.*--resume.*--overwrite"):
        workdir.claim(CONFIG)
    workdir.result.write_text("{}")
    with pytest.raises(WorkdirError, match="holds a finished run"):
        workdir.claim({**CONFIG, "seed": 1})
    assert json.loads(workdir.config.read_text()) == CONFIG
    assert workdir.result.exists()


def test_resume_takes_the_same_settings_only(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.claim(CONFIG, "resume")
    workdir.claim(CONFIG, "resume")
    with pytest.raises(WorkdirError, match="started with seed=0, not 1"):
        workdir.claim({**CONFIG, "seed": 1}, "resume")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", None])
def test_a_run_of_unknown_settings_is_not_taken_for_this_one(content, tmp_path):
    workdir = Workdir(tmp_path)
    workdir.claim(CONFIG)
    (workdir.checkpoints / "1").mkdir(parents=True)
    if content is None:
        workdir.config.unlink()
    else:
        workdir.config.write_bytes(content)
    with pytest.raises(
        WorkdirError, match=r"config\.json is missing or damaged.*--over"
    ):
        workdir.claim(CONFIG, "resume")
    with pytest.raises(WorkdirError, match="an unfinished run"):
        workdir.claim(CONFIG)
    assert (workdir.checkpoints / "1").exists()
    workdir.claim(CONFIG, "overwrite")
    assert not workdir.checkpoints.exists()


def test_the_result_of_a_finished_run(tmp_path):
    workdir = Workdir(tmp_path)
    assert workdir.read_result() is None
    workdir.result.write_text('{"value": 1.5}')
    assert workdir.read_result() == {"value": 1.5}
    workdir.result.write_text("{")
    with pytest.raises(WorkdirError, match=r"result\.json is missing or damaged"):
        workdir.read_result()


@pytest.mark.parametrize("mode", ["new", "resume", "overwrite"])
def test_a_folder_in_use_is_left_alone(mode, tmp_path):
    with Workdir(tmp_path) as first:
        first.claim(CONFIG)
        first.metrics.write_text("{}")
        with pytest.raises(WorkdirError, match="Another run is writing to the work"):
            Workdir(tmp_path).claim({**CONFIG, "seed": 1}, mode)
        first.claim(CONFIG, "resume")
    assert first.metrics.exists()
    second = Workdir(tmp_path)
    second.claim(CONFIG, "resume")
    second.release()
    second.release()


def test_a_refused_claim_holds_no_lock(tmp_path):
    with Workdir(tmp_path) as first:
        first.claim(CONFIG)
    refused = Workdir(tmp_path)
    with pytest.raises(WorkdirError, match="--resume"):
        refused.claim(CONFIG)
    with Workdir(tmp_path) as again:
        again.claim(CONFIG, "resume")


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Workdir(tmp_path) as workdir:
        workdir.claim(CONFIG)


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.claim(CONFIG)
    workdir.result.write_text("{}")
    (workdir.checkpoints / "1").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    workdir.claim({**CONFIG, "seed": 1}, "overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".lock",
        "config.json",
        "notes.txt",
    ]
    assert json.loads(workdir.config.read_text())["seed"] == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkdirError, match=r"Cannot write to the work .*file"):
        Workdir(tmp_path / "file" / "run").claim(CONFIG)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WorkdirError, match="Permission denied"):
        Workdir(tmp_path).claim(CONFIG)
