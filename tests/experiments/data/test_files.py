"""Packed files and fingerprints."""

import os
import pathlib

import pytest

from experiments.data import files
from experiments.data.errors import DataFileError


def test_unpacked_name():
    names = ["u.data", "u.data.xz", "u.data.gz", "ratings.csv"]
    found = [files.unpacked_name(pathlib.Path("folder", name)) for name in names]
    assert found == ["u.data", "u.data", "u.data", "ratings.csv"]


def test_fingerprint_follows_the_bytes_alone(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1234")
    second.write_bytes(b"1234")
    assert files.fingerprint(first) == files.fingerprint(second)
    status = first.stat()
    first.write_bytes(b"1235")
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert files.fingerprint(first) != files.fingerprint(second)


def test_unreadable_file(tmp_path):
    with pytest.raises(DataFileError, match="Cannot read"):
        files.fingerprint(tmp_path)
    with (
        pytest.raises(DataFileError, match="Cannot read"),
        files.open_binary(tmp_path / "none"),
    ):
        pass
