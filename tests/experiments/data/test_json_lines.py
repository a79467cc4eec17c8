"""JSON lines: the publisher's layout, and the line that a complaint names."""

import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data import json_lines
from experiments.data.errors import DataFileError

LAYOUT = json_lines.Layout(
    "*.json", user="reviewerID", item="asin", rating="overall", rating_range=(1, 5)
)
ANY = json_lines.Layout("*.json", user="reviewerID", item="asin", rating="overall")


def line(user="A1", item="B1", rating=5.0, **more):
    return json.dumps({"overall": rating, "reviewerID": user, "asin": item} | more)


GOOD = line(verified=True, style={"Size:": " 8"}, vote="2", reviewText='"good",\n{')


def read(path, layout=LAYOUT):
    table = pa.Table.from_batches(list(layout.read(path)))
    assert table.schema.names == ["user", "item", "rating"]
    assert table.schema.field("rating").type == pa.float32()
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "Electronics_5.json"


def test_reads_objects_of_different_fields(path):
    rows = [GOOD, line("A2", "B9", 3), "", line("é中", "B1", 1.0, image=["x"]), "  "]
    path.write_text("\r\n".join(rows))
    assert read(path) == [("A1", "B1", 5.0), ("A2", "B9", 3.0), ("é中", "B1", 1.0)]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("A1,B1,5", "it is not JSON"),
        (line()[:-4], "it is not JSON"),
        (line() + line(), "it is not JSON"),
        (line().replace(",", ",\n"), "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("5", "it is not a JSON object but 5"),
        ("[1, 2]", r"it is not a JSON object but \[1, 2\]"),
        (line(user=None), '"reviewerID" is absent'),
        (line(user=""), '"reviewerID" is absent'),
        ('{"overall": 5.0, "asin": "B1"}', '"reviewerID" is absent'),
        (line(user=17), '"reviewerID" is 17, not text'),
        (line(item=["B1"]), r'"asin" is \[\'B1\'\], not text'),
        ('{"reviewerID": "A1", "asin": "B1"}', '"overall" is absent'),
        (line(rating=None), '"overall" is absent'),
        (line(rating="5.0"), "\"overall\" is '5.0', not a number"),
        (line(rating=True), '"overall" is True, not a number'),
        (line(rating=math.nan), '"overall" is nan, not a finite number'),
        (line(rating=1e39), r'"overall" is 1e\+39, not a finite number'),
        (line(rating=10**400), r'"overall" is 10+\.\.\., not a finite number'),
        (line(rating=0), '"overall" is 0, outside 1 to 5'),
        (line(rating=5.5), r'"overall" is 5\.5, outside 1 to 5'),
        (line(user="\ud800"), '"reviewerID" is .*, half of a character'),
    ],
)
@pytest.mark.parametrize("before", [0, 300])
def test_names_the_bad_line(path, bad, problem, before, monkeypatch):
    # Several chunks, whose borders fall anywhere in a line.
    monkeypatch.setattr(json_lines, "_CHUNK_BYTES", 1000)
    path.write_text((GOOD + "\n") * before + "\n" + bad + "\n" + GOOD + "\n")
    expected = f"line {before + 2}: ({problem})"
    with pytest.raises(DataFileError, match=expected) as info:
        read(path)
    assert str(path) in str(info.value)
    assert LAYOUT.description in str(info.value)


def test_text_that_is_not_utf8(path):
    bad = line("A?").encode().replace(b"?", b"\xff")
    path.write_bytes(GOOD.encode() + b"\n" + bad + b"\n")
    with pytest.raises(DataFileError, match="line 2: the text is not UTF-8"):
        read(path)


@pytest.mark.parametrize("size", [10, 100, 1 << 20])
def test_chunks_are_whole_lines(path, size, monkeypatch):
    monkeypatch.setattr(json_lines, "_CHUNK_BYTES", size)
    rows = [(f"A{n}", f"B{n % 7}", float(n % 5 + 1)) for n in range(200)]
    path.write_text(
        "\n".join(line(*row, text="x" * (i % 50)) for i, row in enumerate(rows))
    )
    assert read(path) == rows


def test_a_file_without_lines_is_not_read_whole(path, monkeypatch):
    monkeypatch.setattr(json_lines, "_CHUNK_BYTES", 100)
    monkeypatch.setattr(json_lines, "_MAX_LINE_BYTES", 1 << 20)
    path.write_text(GOOD + "\n" + "[" * (3 << 20))
    with pytest.raises(DataFileError, match="line 2: it does not end within 1 MiB"):
        read(path)


@pytest.mark.parametrize("content", ["", "\n\n", " "])
def test_file_without_ratings(path, content):
    path.write_text(content)
    with pytest.raises(DataFileError, match=r"holds no ratings\. Expected"):
        read(path)


@pytest.mark.parametrize("cut", [0, 5, 30, -100])
def test_truncated_archive(tmp_path, cut):
    path = tmp_path / "Electronics_5.json.gz"
    names = np.random.default_rng(0).integers(0, 10**9, 3000)
    content = gzip.compress("".join(line(f"A{n}") + "\n" for n in names).encode())
    path.write_bytes(content)
    assert [row[0] for row in read(path)] == [f"A{n}" for n in names]
    path.write_bytes(content[:cut])
    with pytest.raises(DataFileError, match=r"json\.gz.*(cut off|no ratings)"):
        read(path)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=4),
)
OBJECTS = st.dictionaries(
    st.sampled_from(["overall", "reviewerID", "asin", "vote", ""]), VALUES
) | st.builds(
    lambda user, item, rating: {"reviewerID": user, "asin": item, "overall": rating},
    *(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4) for _ in range(2)),
    st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
)


@given(st.lists(OBJECTS, min_size=1, max_size=4))
def test_fast_and_slow_reader_agree(objects):
    chunk = "".join(json.dumps(one) + "\n" for one in objects).encode()
    rows = [ANY._row(text) for text in chunk.splitlines()]
    batch = ANY._parse(chunk)
    if any(isinstance(row, str) for row in rows):
        assert batch is None
    else:
        # It may leave what it cannot do to the slow one.
        assert (
            batch is None or [tuple(row.values()) for row in batch.to_pylist()] == rows
        )
