"""Texts through their sources, the builder and its cache."""

import gzip
import logging
import lzma
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.data import (
    TEXT_SOURCES,
    CacheError,
    DataError,
    DataFileError,
    Documents,
    Names,
    Texts,
    load_texts,
    text_blocks,
)

ROOT = pathlib.Path(__file__).parents[3]
TRAIN, TEST = "b\tthe cat\na\ta Dog the\n", "a\tno cat\n"


@pytest.fixture
def folder(tmp_path):
    """A data folder of the data set text; the cache goes beside it."""
    return write(tmp_path / "data", {"train.tsv": TRAIN, "test.tsv": TEST})


def write(folder, contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(folder, dataset="text", **options):
    """Loads from a folder, with a cache beside it."""
    return load_texts(dataset, str(folder), str(folder.parent / "cache"), **options)


def rows(texts, split):
    documents = getattr(texts, split)
    return [
        (
            texts.classes[label],
            [texts.words[int(number)] for number in documents.tokens[start:stop]],
        )
        for label, start, stop in zip(
            documents.labels, documents.starts[:-1], documents.starts[1:], strict=True
        )
    ]


def counted(monkeypatch):
    """Counts how often texts are tokenized."""
    calls = []
    original = text_blocks.encode_blocks
    monkeypatch.setattr(
        text_blocks, "encode_blocks", lambda *args: calls.append(1) or original(*args)
    )
    return calls


def test_arrays_classes_and_words(folder):
    texts = load(folder)
    assert texts.name == "text"
    # Classes are sorted; words come as they appear, those of training first.
    assert texts.classes == ("a", "b")
    assert list(texts.words) == ["the", "cat", "a", "dog", "no"]
    np.testing.assert_array_equal(texts.train.tokens, [0, 1, 2, 3, 0])
    np.testing.assert_array_equal(texts.train.starts, [0, 2, 5])
    np.testing.assert_array_equal(texts.train.labels, [1, 0])
    assert len(texts.train) == 2
    dtypes = [
        getattr(texts.test, name).dtype for name in ("labels", "starts", "tokens")
    ]
    assert dtypes == [np.int32, np.int64, np.int32]
    assert rows(texts, "test") == [("a", ["no", "cat"])]
    assert texts.validation is None


@pytest.mark.parametrize("name", ["dev", "valid", "validation"])
def test_own_validation_split(folder, name):
    write(folder, {f"{name}.tsv": "b\tno Bird\n"})
    texts = load(folder)
    assert rows(texts, "validation") == [("b", ["no", "bird"])]
    assert list(texts.words) == ["the", "cat", "a", "dog", "no", "bird"]
    assert rows(texts, "test") == [("a", ["no", "cat"])]
    # Only in the user's own folder: no publisher has one.
    shutil.copytree(folder, folder.parent / "r8")
    assert load(folder.parent, "r8").validation is None


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", "z z"]),
            st.lists(
                st.text("aBé中\"'<\\,", min_size=1, max_size=3), min_size=1, max_size=5
            ),
        ),
        min_size=2,
        max_size=20,
    ),
    st.integers(1, 9),
    st.sampled_from(["", ".xz", ".gz"]),
)
def test_round_trip(tmp_path_factory, texts, size, suffix):
    pack = {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress}[suffix]
    content = "".join(f"{name}\t{' '.join(words)}\n" for name, words in texts).encode()
    folder = write(
        tmp_path_factory.mktemp("round") / "data",
        {f"{name}.tsv{suffix}": pack(content) for name in ("train", "dev", "test")},
    )
    with pytest.MonkeyPatch.context() as patch:
        original = text_blocks.encode_blocks
        patch.setattr(text_blocks, "encode_blocks", lambda t, v: original(t, v, size))
        first = load(folder, tokenizer="whitespace")
    again = load(folder, tokenizer="whitespace")
    for loaded in (first, again):
        for split in ("train", "validation", "test"):
            assert rows(loaded, split) == texts
        expected = dict.fromkeys(word for _, words in texts for word in words)
        assert list(loaded.words) == list(expected)
        assert loaded.classes == tuple(sorted({name for name, _ in texts}))


def test_prepared_once_for_each_tokenizer_and_content(folder, monkeypatch):
    calls = counted(monkeypatch)
    for _ in range(2):
        load(folder)
    assert len(calls) == 2  # one a split
    assert list(load(folder, tokenizer="whitespace").words)[3] == "Dog"
    assert len(calls) == 4
    write(folder, {"test.tsv": TEST + "b\tmore\n"})
    assert len(load(folder).test) == 2
    assert len(calls) == 6
    (cache,) = (folder.parent / "cache").iterdir()
    assert sorted(path.name.split("-")[0] for path in cache.iterdir()) == [
        "treebank",
        "treebank",
        "whitespace",
    ]


@pytest.mark.parametrize("damage", ["metadata", "records"])
def test_damaged_cache_is_made_again(folder, damage, monkeypatch, caplog):
    expected = rows(load(folder), "train")
    (prepared,) = (folder.parent / "cache").glob("*/*/texts/1.0.0")
    if damage == "metadata":
        path = prepared / "metadata.json"
        path.write_text(path.read_text().replace('"crc32": ', '"crc32": 1'))
    else:
        (path,) = prepared.glob("*train*array_record*")
        path.write_bytes(path.read_bytes()[:-40])
    calls = counted(monkeypatch)
    assert rows(load(folder), "train") == expected
    assert "are damaged" in caplog.text
    assert len(calls) == 2
    load(folder)
    assert len(calls) == 2


def test_cache_that_cannot_be_written(folder):
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(CacheError, match=r"Cannot write .*ANT_JAX_CACHE"):
        load(folder)


def test_tensorflow_is_not_imported_and_nothing_is_printed(folder):
    code = (
        "import sys\n"
        "from experiments.data import load_texts\n"
        "load_texts('text', *sys.argv[1:])\n"
        "assert not {'tensorflow', 'nltk'} & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder, folder.parent / "cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


AG_NEWS = {
    "train.csv": '"3","Title","A ""bear""\\market (AP)"\n"1","Other","two\\new lines"'
    "\n",
    "test.csv": '"4","Only a title",""\n',
}


@pytest.mark.parametrize("where", ["folder", "parent", "packed"])
def test_ag_news(tmp_path, where, caplog):
    folder = write(tmp_path / "ag_news_csv", AG_NEWS)
    if where == "packed":
        for path in folder.iterdir():
            path.with_name(path.name + ".gz").write_bytes(
                gzip.compress(path.read_bytes())
            )
            path.unlink()
    texts = load_texts(
        "ag_news", str(tmp_path if where == "parent" else folder), str(tmp_path / "c")
    )
    assert texts.classes == ("World", "Sports", "Business", "Sci/Tech")
    # The title is dropped, and a backslash is the end of a line.
    assert rows(texts, "train") == [
        ("Business", ["a", "``", "bear", "''", "market", "(", "ap", ")"]),
        ("World", ["two", "new", "lines"]),
    ]
    assert rows(texts, "test") == [("Sci/Tech", [])]
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "train.csv" in warnings[0]
    assert "holds 2 texts, the publisher's ag_news holds 120000" in warnings[0]
    assert any("leaves nothing of 1 of the 1 texts in" in text for text in warnings)


def test_titles(tmp_path):
    folder = write(tmp_path / "data", AG_NEWS | {"classes.txt": "W\nS\nB\nT\n"})
    texts = load(folder, "ag_news", tokenizer="kim", titles=True)
    assert texts.classes == ("W", "S", "B", "T")
    assert rows(texts, "train")[1] == ("W", ["other", "two", "new", "lines"])
    assert rows(texts, "test") == [("T", ["only", "a", "title"])]
    # The other reading is another folder of the cache.
    assert rows(load(folder, "ag_news", tokenizer="kim"), "test") == [("T", [])]
    write(folder, {"classes.txt": "W\nS\nB\n"})
    with pytest.raises(DataFileError, match=r"classes.txt names 3 .* set has 4"):
        load(folder, "ag_news")


def test_ag_news_32k(tmp_path):
    header = '"class","title","description","source"\n'
    folder = write(
        tmp_path / "data",
        {
            "train.csv": header + '"2","A title","the text","a source"\n',
            "test.csv": '"1","A title","a text"\n',
        },
    )
    texts = load(folder, "ag_news_32k")
    assert rows(texts, "train") == [("Sports", ["the", "text"])]
    assert rows(texts, "test") == [("World", ["a", "text"])]
    # It is not AG-News, whose rows have three fields.
    with pytest.raises(
        DataFileError, match=r"train.csv, line 1: 4 fields instead of 3"
    ):
        load(folder, "ag_news")


@pytest.mark.parametrize(
    ("dataset", "fields", "num_classes"),
    [
        ("dbpedia", '"Title",', 14),
        ("sogou_news", '"Title",', 5),
        ("yelp_review_full", "", 5),
        ("yelp_polarity", "", 2),
    ],
)
def test_other_csv(tmp_path, dataset, fields, num_classes):
    row = f'"{num_classes}",{fields}"I said \\""no\\"".\\n\\nBye"\n'
    folder = write(tmp_path / dataset, {"train.csv": row, "test.csv": row})
    texts = load(folder, dataset, tokenizer="kim")
    assert texts.classes == tuple(str(i) for i in range(1, num_classes + 1))
    expected = (str(num_classes), ["i", "said", '"no', '"', "bye"])
    assert rows(texts, "train") == [expected]
    write(folder, {"test.csv": row.replace(str(num_classes), "0", 1)})
    with pytest.raises(DataFileError, match=f"not one of 1 to {num_classes}"):
        load(folder, dataset)


def test_very_long_field(tmp_path):
    row = f'"1","T","{"long " * 100_000}"\n'
    folder = write(tmp_path / "data", {"train.csv": row, "test.csv": row})
    assert len(load(folder, "sogou_news").train.tokens) == 100_000


IMDB_CSV = {
    "train.csv": '"label","rating","id","text"\n"0","3","2","Bad.<br /><br />Very"\n'
    '"0","1","10","Worse"\n"1","9","0","It\'s, ""good"""\n',
    "test.csv": '"label","rating","id","text"\n"1","7","5","Fine"\n"0","1","1","No"\n',
}
IMDB_FOLDERS = {
    "train/neg/2_3.txt": "Bad.<br /><br />Very",
    "train/neg/10_1.txt": "Worse",
    "train/pos/0_9.txt": 'It\'s, "good"',
    "train/unsup/0_0.txt": "unlabelled",
    "train/urls_neg.txt": "address",
    "test/neg/1_1.txt": "No",
    "test/pos/5_7.txt": "Fine",
}


def test_imdb_folders_and_csv(tmp_path):
    in_csv = load_texts(
        "imdb", str(write(tmp_path / "csv", IMDB_CSV)), str(tmp_path / "cache")
    )
    write(tmp_path / "aclImdb", IMDB_FOLDERS)
    in_folders = load_texts("imdb", str(tmp_path), str(tmp_path / "cache"))
    assert in_csv.classes == in_folders.classes == ("neg", "pos")
    assert rows(in_folders, "train") == [
        ("neg", ["bad", "very"]),
        ("neg", ["worse"]),
        ("pos", ["it", "'s", ",", "``", "good", "''"]),
    ]
    assert rows(in_csv, "train") == rows(in_folders, "train")
    assert rows(in_csv, "test") == rows(in_folders, "test")[::-1]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"train/neg/2_3.txt": b"\xff"}, r"neg/2_3.txt: the text is not UTF-8"),
        ({"train/pos/0_9.txt": " \n"}, r"pos/0_9.txt: the text is empty"),
        ({"test/pos/5_7.txt": None, "test/pos/x": ""}, r"test/pos holds no reviews"),
        ({"test/pos/5_7.txt": None}, r"test holds no folder pos"),
    ],
)
def test_damaged_imdb_folders(tmp_path, changes, problem):
    contents = {k: v for k, v in (IMDB_FOLDERS | changes).items() if v is not None}
    folder = write(tmp_path / "aclImdb", contents)
    with pytest.raises(DataFileError, match=problem):
        load(folder, "imdb")


def test_an_imdb_review_that_changes_is_noticed(tmp_path):
    folder = write(tmp_path / "aclImdb", IMDB_FOLDERS)
    load(folder, "imdb")
    write(folder, {"test/neg/1_1.txt": "Not"})
    assert rows(load(folder, "imdb"), "test")[0] == ("neg", ["not"])


GOOD = '"1","t","x"\n'


@pytest.mark.parametrize(
    ("dataset", "content", "problem"),
    [
        ("text", "a\tb\na\n", "line 2: 1 fields instead of 2"),
        ("text", "a\tb\na\tb\tc\n", "line 2: 3 fields instead of 2"),
        ("text", "a\tb\n\na\t \n", "line 3: the text is empty"),
        ("text", "\tb\n", "line 1: the class is absent"),
        ("text", b"a\tb\na\t\xff\n", "line 2: the text is not UTF-8"),
        ("text", "", "holds no texts"),
        ("text", "\n\n", "holds no texts"),
        ("ag_news", GOOD + '"1","t"\n', "line 2: 2 fields instead of 3"),
        (
            "ag_news",
            GOOD + '"5","t","x"\n',
            "line 2: the class is '5', not one of 1 to",
        ),
        ("ag_news", GOOD + '"Sports","t","x"\n', "line 2: the class is 'Sports'"),
        ("ag_news", GOOD + '"01","t","x"\n', "line 2: the class is '01'"),
        ("ag_news", GOOD + '"1",""," "\n', "line 2: the text is empty"),
        ("ag_news", GOOD + '"1","t","x\n', "line 2: the line cannot be split"),
        ("ag_news", GOOD + '"1","t","x"y"\n', "line 2: the line cannot be split"),
        ("ag_news", GOOD + '"1","t","x\ny"\n"9","t","z"\n', "line 4: the class is '9'"),
        (
            "ag_news",
            GOOD.encode() + b'"1","t","\xff"\n',
            "line 2: the text is not UTF-",
        ),
        ("ag_news", "", "holds no texts"),
        ("ag_news_32k", '"class","title","description"\n', "holds no texts"),
        ("ag_news_32k", GOOD + '"1","t"\n', "line 2: 2 fields instead of 3 or 4"),
        ("imdb", '"0","1","7",""\n', "line 1: the text is empty"),
        ("yelp_polarity", '"1",""\n', "line 1: the text is empty"),
    ],
)
def test_damaged_rows(tmp_path, dataset, content, problem):
    ending = "tsv" if dataset == "text" else "csv"
    folder = write(
        tmp_path / "data", {f"train.{ending}": content, f"test.{ending}": content}
    )
    with pytest.raises(DataFileError, match=rf"data/train\.{ending}.* ?{problem}"):
        load(folder, dataset)
    assert not list(tmp_path.glob("cache/*/*/texts/*"))


def test_a_class_that_is_not_in_training(folder):
    write(folder, {"test.tsv": TEST + "c\tx\n"})
    with pytest.raises(
        DataFileError, match=r"test.tsv, line 2: .* 'c', .* known: a, b"
    ):
        load(folder)
    write(folder, {"classes.txt": "a\nb\nc\n"})
    assert rows(load(folder), "test")[1] == ("c", ["x"])
    write(folder, {"classes.txt": "a\nb\na\n"})
    with pytest.raises(DataFileError, match="names a class twice"):
        load(folder)


def test_windows_line_ends_and_byte_order_mark(folder):
    expected = rows(load(folder), "train")
    write(folder, {"train.tsv": b"\xef\xbb\xbf" + TRAIN.replace("\n", "\r\n").encode()})
    assert rows(load(folder), "train") == expected
    csv = b'\xef\xbb\xbf"1","x"\r\n'
    write(folder, {"train.csv": csv, "test.csv": csv})
    assert rows(load(folder, "yelp_polarity"), "train") == [("1", ["x"])]


def test_missing_files(folder):
    with pytest.raises(DataError, match=r"train.tsv and test.tsv .* --data_dir"):
        load_texts("r8")
    with pytest.raises(
        DataError, match=r"test/pos, or train.csv and .*ai\.stanford\.edu"
    ):
        load_texts("imdb")
    with pytest.raises(
        DataFileError, match=r"No train.csv and test.csv .* in \S*/dbpedia_csv or"
    ):
        load(folder, "dbpedia")
    (folder / "test.tsv").unlink()
    with pytest.raises(DataFileError, match=r"holds no test.tsv .* like, dev.tsv"):
        load(folder)
    write(folder, {"test.tsv": TEST, "dev.tsv": TEST, "valid.tsv": TEST})
    with pytest.raises(DataFileError, match=r"one split: dev.tsv, valid.tsv"):
        load(folder)


def test_unknown_names(folder):
    with pytest.raises(DataError, match=r"'agnews'. Known are: 20ng, ag_news, ag_"):
        load(folder, "agnews")
    with pytest.raises(DataError, match="Unknown tokenizer 'nltk'"):
        load(folder, tokenizer="nltk")
    assert all(source.name == name for name, source in TEXT_SOURCES.items())


def test_cut_off_archive(folder):
    (folder / "train.tsv").unlink()
    write(folder, {"train.tsv.xz": lzma.compress(TRAIN.encode())[:-12]})
    with pytest.raises(DataFileError, match=r"train.tsv.xz is cut off or not a valid"):
        load(folder)


def documents(labels=(0,), starts=(0, 1), tokens=(0,)):
    return Documents(
        np.array(labels, np.int32),
        np.array(starts, np.int64),
        np.array(tokens, np.int32),
    )


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: documents(starts=(0, 2)), "starts must rise"),
        (lambda: documents(starts=(0,)), "starts must rise"),
        (lambda: documents((0, 0), (0, 2, 1)), "starts must rise"),
        (lambda: documents(starts=(1, 1)), "starts must rise"),
        (lambda: Documents(*[np.zeros(1)] * 3), "labels must be one column of int32"),
    ],
)
def test_documents_that_contradict_themselves(make, problem):
    with pytest.raises(DataError, match=problem):
        make()


def test_texts_that_contradict_themselves():
    good = documents()
    assert Texts(("x",), Names(["w"]), good, good).validation is None
    for bad in (documents(labels=(1,)), documents(tokens=(1,)), documents((-1,))):
        with pytest.raises(DataError, match="must be from 0 to 0"):
            Texts(("x",), Names(["w"]), good, good, bad)


def test_progress_is_logged(folder, monkeypatch, caplog):
    monkeypatch.setattr("experiments.data.text_builder._REPORT_TEXTS", 2)
    with caplog.at_level(logging.INFO):
        load(folder)
    assert "2 texts of train tokenized" in caplog.text


@pytest.mark.parametrize(
    ("dataset", "classes", "first"),
    [
        ("r8", 8, "champion products ch approves stock split"),
        ("ag_news_32k", 4, "BAGHDAD, Iraq, August 24 -- A car bomb"),
    ],
)
def test_real_data(data_dir, tmp_path, dataset, classes, first, caplog):
    if not (data_dir / dataset).is_dir():
        pytest.skip(f"no folder {dataset} in ANT_JAX_DATA")
    texts = load_texts(dataset, str(data_dir), str(tmp_path), tokenizer="whitespace")
    sizes = TEXT_SOURCES[dataset].sizes
    assert (len(texts.train), len(texts.test)) == (sizes["train"], sizes["test"])
    assert len(texts.classes) == classes
    assert set(texts.train.labels) == set(range(classes))
    words = [texts.words[int(i)] for i in texts.train.tokens[: len(first.split())]]
    assert words == first.split()
    # Neither another version nor a text that is lost.
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    if dataset == "ag_news_32k":
        assert np.bincount(texts.train.labels).tolist() == [8063, 8040, 8030, 7922]
        assert np.bincount(texts.test.labels).tolist() == [1900] * 4
