"""Where a figure comes from."""

import os
import re
import shutil
import subprocess

import jax
import pytest

from experiments.runner import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout of its own that the module believes to be in."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    module = tmp_path / "experiments" / "provenance.py"
    module.parent.mkdir()
    module.write_text("one = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(module))
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)
    return tmp_path


def test_the_commit_says_whether_files_differ_from_it(checkout):
    commit = provenance.provenance()["commit"]
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (checkout / "notes.txt").write_text("not a source")
    assert provenance.provenance()["commit"] == commit
    (checkout / "experiments" / "provenance.py").write_text("one = 2\n")
    assert provenance.provenance()["commit"] == commit + "+"


def test_there_is_no_commit_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert provenance.provenance()["commit"] is None
    monkeypatch.setenv("PATH", "")
    assert provenance.provenance()["commit"] is None


@pytest.mark.parametrize("affinity", [True, False])
def test_device_memory_and_versions(affinity, monkeypatch):
    if not affinity:  # as on macOS
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    found = provenance.provenance()
    if jax.default_backend() == "cpu":
        assert re.fullmatch(r"8 x cpu \(.+, \d+ cores\)", found["device"])
    assert 2**24 < found["peak_rss_bytes"] < 2**40
    assert found["versions"]["jax"] == jax.__version__
