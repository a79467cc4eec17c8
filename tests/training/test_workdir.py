"""Who may write into a work directory."""

import json
import os

import pytest

from ant_jax.training import Workdir, WorkdirError

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
    workdir.config.write_text("{")
    with pytest.raises(WorkdirError, match="damaged"):
        workdir.claim(CONFIG, "resume")


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.claim(CONFIG)
    workdir.result.write_text("{}")
    (workdir.checkpoints / "1").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    workdir.claim({**CONFIG, "seed": 1}, "overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
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
