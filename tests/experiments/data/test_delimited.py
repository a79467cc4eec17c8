"""Delimited ratings: the publishers' layouts, and the line that a complaint names."""

import csv
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data import delimited, registry
from experiments.data.errors import DataFileError

ROWS = [(1, 31, 2.0), (1, 1029, 3.0), (7, 31, 5.0)]
TSV = delimited.Layout("u.data", delimiter="\t", rating_range=(1, 5))
DAT = delimited.Layout("ratings.dat", delimiter="::", rating_range=(1, 5))
CSV = delimited.Layout(
    "ratings.csv",
    headers=(("user", "item", "rating"), ("userId", "movieId", "rating")),
    integer_ids=False,
)
AMAZON = delimited.Layout(
    "*.csv", columns=(1, 0, 2), integer_ids=False, rating_range=(1, 5)
)
CONTENTS = {
    "tsv": (TSV, "1\t31\t2\t9\n1\t1029\t3\t9\n7\t31\t5\t9\n"),
    "dat": (DAT, "1::31::2::9\n1::1029::3::9\n7::31::5::9\n"),
    "csv": (CSV, "userId,movieId,rating,timestamp\n1,31,2.0,9\n1,1029,3,9\n7,31,5,9\n"),
    "reordered": (CSV, "note,rating,item,user\nx,2,31,1\n,3.0,1029,1\nz,5,31,7\n"),
    "crlf": (CSV, "user,item,rating\r\n1,31,2\r\n1,1029,3\r\n7,31,5\r\n"),
    "bom": (CSV, "\ufeffuser,item,rating\n1,31,2\n1,1029,3\n7,31,5\n"),
    "no last newline": (CSV, "user,item,rating\n1,31,2\n1,1029,3\n7,31,5"),
    "blank lines": (CSV, "user,item,rating\n1,31,2\n\n1,1029,3\n\n7,31,5\n\n"),
    "quoted": (CSV, '"user","item","rating"\n"1","31","2"\n1,1029,3\n7,31,5\n'),
}


def read(path, layout):
    batches = list(delimited.read(path, layout))
    table = pa.Table.from_batches(batches)
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("name", CONTENTS)
def test_reads_every_layout(tmp_path, name):
    layout, content = CONTENTS[name]
    path = tmp_path / layout.filename
    path.write_bytes(content.encode())
    rows = ROWS if layout.integer_ids else [(str(u), str(i), r) for u, i, r in ROWS]
    assert read(path, layout) == rows


def test_item_before_user(tmp_path):
    path = tmp_path / "Electronics.csv"
    path.write_text('0001713353,A1C6M8,5.0,1123804800\nB"7,A1C6M8,3,9\n')
    # A quotation mark is a character like others.
    assert read(path, AMAZON) == [("A1C6M8", "0001713353", 5), ("A1C6M8", 'B"7', 3)]


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.open), (".gz", gzip.open)])
def test_reads_packed_files(tmp_path, suffix, pack):
    path = tmp_path / f"u.data{suffix}"
    with pack(path, "wb") as stream:
        stream.write(CONTENTS["tsv"][1].encode())
    assert read(path, TSV) == ROWS


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.open), (".gz", gzip.open)])
@pytest.mark.parametrize("cut", [0, 5, 30, -100])
def test_truncated_archive(tmp_path, suffix, pack, cut):
    path = tmp_path / f"u.data{suffix}"
    numbers = np.random.default_rng(0).integers(1, 5, (3000, 4))
    with pack(path, "wb") as stream:
        stream.write("".join("\t".join(map(str, n)) + "\n" for n in numbers).encode())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataFileError, match=r"u\.data.*(cut off|no ratings)"):
        read(path, TSV)


def test_archive_that_is_none(tmp_path):
    path = tmp_path / "u.data.xz"
    path.write_text(CONTENTS["tsv"][1])
    with pytest.raises(DataFileError, match=r"not a valid \.xz"):
        read(path, TSV)


@pytest.mark.parametrize(
    ("layout", "line", "problem"),
    [
        (TSV, "1\t31", "2 fields instead of 4"),
        (TSV, "1 31 2 9", "1 fields instead of 4"),
        (TSV, "1\t31\t2\t9\t9", "5 fields instead of 4"),
        (TSV, "x\t31\t2\t9", "the user is 'x', not an integer"),
        (TSV, "1\t3.5\t2\t9", "the item is '3.5', not an integer"),
        (TSV, "1\t99999999999999999999\t2\t9", "the item is '9+', not an integer"),
        (TSV, "\t31\t2\t9", "the user is absent"),
        (TSV, "1\t31\t\t9", "the rating is absent"),
        (TSV, "1\t31\tgood\t9", "the rating is 'good', not a finite number"),
        (TSV, "1\t31\tnan\t9", "the rating is 'nan', not a finite number"),
        (TSV, "1\t31\t6\t9", "the rating 6 is outside 1 to 5"),
        (TSV, "1\t31\t0\t9", "the rating 0 is outside 1 to 5"),
        (DAT, "1::31", "2 fields instead of 4"),
        (DAT, "1:31:2:9", "1 fields instead of 4"),
        (DAT, "1:5:31::2::9", "3 fields instead of 4"),
        (DAT, "1::31::5.5::9", "the rating 5.5 is outside 1 to 5"),
        (AMAZON, "B1,A1,5.0", "3 fields instead of 4"),
        (AMAZON, "B1,A1,5.0,9,9", "5 fields instead of 4"),
        (AMAZON, "B1,,5.0,9", "the user is absent"),
        (AMAZON, ",A1,5.0,9", "the item is absent"),
        (AMAZON, "A1,5.0,B1,9", "the rating is 'B1', not a finite number"),
        (AMAZON, "B1,A1,0.0,9", "the rating 0.0 is outside 1 to 5"),
        (CSV, ",31,2", "the user is absent"),
        (CSV, '"",31,2', "the user is absent"),
        (CSV, "1,,2", "the item is absent"),
        (CSV, "1,31,", "the rating is absent"),
        (CSV, "1,31", "2 fields instead of 3"),
        (CSV, "1,31,2,4", "4 fields instead of 3"),
        (CSV, "1,31,inf", "the rating is 'inf', not a finite number"),
        (CSV, "1,31,1e39", "the rating 1e39 is too large"),
        (CSV, "1,31,1_0", "the rating is '1_0', not a finite number"),
        (CSV, '1,"3\n1",x', "the rating is 'x', not a finite number"),
        (CSV, '"1,31,2', "1 fields instead of 3"),
        (CSV, "1," + "3" * 200_000 + ",x", "field larger than field limit"),
    ],
)
@pytest.mark.parametrize("before", [0, 1000])
def test_names_the_bad_line(tmp_path, layout, line, problem, before):
    good = {
        TSV: "1\t31\t2\t9\n",
        DAT: "1::31::2::9\n",
        AMAZON: "B1,A1,5.0,9\n",
        # Two lines to a record: lines are counted, not records.
        CSV: '1,"3\n1",2\n',
    }[layout]
    header = "user,item,rating\n" if layout.headers else ""
    path = tmp_path / layout.filename
    path.write_text(header + good * before + line + "\n" + good * 3)
    number = 1 + len(header.splitlines()) + before * good.count("\n")
    with pytest.raises(DataFileError, match=f"line {number}: .*{problem}") as info:
        read(path, layout)
    assert str(path) in str(info.value)
    assert layout.description in str(info.value)


def test_bad_line_in_a_later_block(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 100)
    path = tmp_path / "u.data"
    path.write_text("1\t31\t2\t9\n" * 500 + "1\t31\t8\t9\n")
    batches = delimited.read(path, TSV)
    assert next(batches).num_rows < 500
    with pytest.raises(DataFileError, match="line 501: the rating 8"):
        list(batches)


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"user,item,rating\na,b,1\n\xff\xfe,b,1\n")
    with pytest.raises(DataFileError, match=r"line 3: .*not UTF-8"):
        read(path, CSV)


@pytest.mark.parametrize(
    "header", ["1,31,2", "user,item", "user,user,item,rating", "\x00", '"user,item']
)
def test_wrong_header(tmp_path, header):
    path = tmp_path / "ratings.csv"
    path.write_text(header + "\n1,2,3\n")
    with pytest.raises(DataFileError, match=r"line 1: .*user,item,rating"):
        read(path, CSV)


@pytest.mark.parametrize(
    ("layout", "content"),
    [(TSV, ""), (TSV, "\n\n"), (DAT, ""), (CSV, ""), (CSV, "user,item,rating\n")],
)
def test_file_without_ratings(tmp_path, layout, content):
    path = tmp_path / layout.filename
    path.write_text(content)
    with pytest.raises(DataFileError, match="holds no ratings"):
        read(path, layout)


NUMBERS = st.text("0123456789.eE+- n", max_size=6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4))
def test_fast_and_slow_reader_agree(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("agree") / "u.data"
    path.write_text("".join("\t".join((*row, "9")) + "\n" for row in rows))
    problems = [delimited._problem([*row, "9"], TSV, TSV.columns, 4) for row in rows]
    if any(problems):
        number = [bool(problem) for problem in problems].index(True) + 1
        with pytest.raises(DataFileError, match=f"line {number}: "):
            read(path, TSV)
    else:
        assert read(path, TSV) == [
            (int(u), int(i), float(np.float32(r))) for u, i, r in rows
        ]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"))
            .map(str.strip)
            .filter(bool),
            st.integers(),
            st.floats(width=32, allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
    )
)
def test_any_text_is_an_identifier(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("text") / "ratings.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["user", "item", "rating"])
        writer.writerows(rows)
    assert read(path, CSV) == [(user, str(item), r) for user, item, r in rows]


def test_every_layout_describes_itself():
    sources = [s for s in registry.SOURCES.values() if hasattr(s, "layouts")]
    assert len(sources) == 9
    described = {layout.description for s in sources for layout in s.layouts}
    assert described == {
        "user<TAB>item<TAB>rating<TAB>...",
        "user::item::rating::...",
        "item,user,rating,...",
        '{"reviewerID": "...", "asin": "...", "overall": ..., ...}',
        "the columns userId,movieId,rating",
        "the columns user,item,rating",
        "the columns user,item,rating or userId,movieId,rating",
    }


@pytest.mark.parametrize("name", sorted(set(registry.SOURCES) - {"movielens_small"}))
def test_every_data_set_but_csv_states_a_range(name):
    for layout in registry.SOURCES[name].layouts:
        assert (layout.rating_range is None) == (name == "csv")
