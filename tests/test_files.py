"""A file is written whole or not at all."""

import errno
import os

import pytest

from ant_jax.files import write_atomically


@pytest.mark.parametrize(
    ("content", "stored"), [("é\n", "é\n".encode()), (b"\0\1", b"\0\1"), ("", b"")]
)
def test_text_and_bytes(content, stored, tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "earlier")
    write_atomically(str(path), content)
    assert path.read_bytes() == stored
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_fails_leaves_the_earlier_file(step, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_text("earlier")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match=r"No space left.*earlier file is untouched") as e:
        write_atomically(path, "later")
    assert (e.value.errno, e.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\(No such file.*none"):
        write_atomically(tmp_path / "none" / "file", "")
