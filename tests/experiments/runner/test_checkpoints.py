"""Checkpoints that cannot be written or read say which and what to do."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.runner.checkpoints import Checkpoints
from experiments.runner.errors import CheckpointError


def arrays(size=3):
    return {"state": (jnp.arange(size), {"w": jnp.ones((size, 2))})}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the checkpoints of epochs 1 and 2, to be copied."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    checkpoints = Checkpoints(folder)
    for epoch in (1, 2):
        checkpoints.save(epoch, arrays(), {"epoch": epoch})
    checkpoints.close()
    return folder


def restore(folder, like=None):
    checkpoints = Checkpoints(folder)
    try:
        return checkpoints.restore(arrays() if like is None else like)
    finally:
        checkpoints.close()


def copy(saved, folder):
    for path in saved.rglob("*"):
        to = folder / path.relative_to(saved)
        if path.is_file():
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    return folder


def test_the_newest_is_restored(saved):
    restored, progress = restore(saved)
    assert progress == {"epoch": 2}
    np.testing.assert_array_equal(restored["state"][0], [0, 1, 2])


def test_an_empty_folder_has_none(tmp_path):
    assert restore(tmp_path) is None


@pytest.mark.parametrize(
    "cut",
    ["arrays/_METADATA", "arrays/manifest.ocdbt", "arrays/d", "progress/metadata"],
)
def test_a_damaged_one_is_named(cut, saved, tmp_path):
    folder = copy(saved, tmp_path / "copy")
    damaged = folder / "2" / cut
    for path in [damaged] if damaged.is_file() else list(damaged.iterdir()):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError) as error:
        restore(folder)
    message = str(error.value)
    assert str(folder / "2") in message
    assert "is damaged" in message
    assert (
        "Remove that folder to go on from epoch 1, or start anew with --over" in message
    )
    assert "\n" not in message
    assert len(message) < 600


def test_the_only_one_damaged_leaves_no_choice(saved, tmp_path):
    folder = copy(saved, tmp_path / "copy")
    (folder / "2" / "progress" / "metadata").write_text("{")
    for path in sorted((folder / "1").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "1").rmdir()
    with pytest.raises(CheckpointError, match=r"\. Start anew with --overwrite"):
        restore(folder)


def test_another_structure_is_refused(saved):
    with pytest.raises(CheckpointError, match="is damaged or of another model"):
        restore(saved, {"state": jnp.arange(3)})
    with pytest.raises(CheckpointError, match="is damaged or of another model"):
        restore(saved, arrays(size=4))


def test_what_an_earlier_save_left_half_done_is_removed(saved, tmp_path):
    folder = copy(saved, tmp_path / "copy")
    halves = [folder / f"{epoch}.orbax-checkpoint-tmp" for epoch in (3, 4)]
    for half in halves:
        half.mkdir()
        (half / "part").write_text("")
    checkpoints = Checkpoints(folder)
    assert checkpoints.latest() == str(folder / "2")
    checkpoints.save(3, arrays(), {"epoch": 3})
    assert checkpoints.latest() == str(folder / "3")
    checkpoints.close()
    assert not any(half.exists() for half in halves)
    found = json.loads((folder / "3" / "progress" / "metadata").read_text())
    assert found == {"epoch": 3}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"Cannot write checkpoints to .*file"):
        Checkpoints(tmp_path / "file" / "checkpoints")
