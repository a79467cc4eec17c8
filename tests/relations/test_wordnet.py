"""Relations from WordNet: a small database of every kind, and the real one."""

import sys
import tarfile

import pytest

from ant_jax.relations import wordnet_relations

from .tiny_wordnet import Synset, write

#            0 plant
#              |            instances of 1: 3
#            1 tree, plant_life
#              |
#            2 oak, oak_tree     4 good <-> 5 bad, evil      6 run
SYNSETS = [
    Synset("n", ["plant"], (("~", 1, 0, 0),)),
    Synset(
        "n", ["tree", "plant_life"], (("@", 0, 0, 0), ("~", 2, 0, 0), ("~i", 3, 0, 0))
    ),
    Synset("n", ["oak", "oak_tree"], (("@", 1, 0, 0),)),
    Synset("n", ["General_Sherman"], (("@i", 1, 0, 0),)),
    Synset("a", ["good"], (("!", 5, 1, 1),)),
    Synset("a", ["bad", "evil"], (("!", 4, 1, 1),)),
    Synset("v", ["run"]),
]
WORDS = [
    "<unk>", "oak", "Oak tree", "tree", "plant", "general sherman",  # 0 to 5
    "good", "bad", "evil", "run", "oaken", "trees", "", "Tree",  # 6 to 13
]  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nltk_data") / "corpora" / "wordnet"
    write(folder, SYNSETS, {"oaken": "oak"})
    return folder


def named(pairs):
    return {frozenset(WORDS[i] for i in pair) for pair in pairs.tolist()}


def test_words_one_step_apart_are_related(database):
    pytest.importorskip("nltk")
    graph = wordnet_relations(WORDS, database)
    oak, tree = ["oak", "Oak tree", "oaken"], ["tree", "trees", "Tree"]
    wanted = {
        *(frozenset([a, b]) for a in oak for b in oak + tree),
        *(frozenset([a, b]) for a in tree for b in [*tree, "plant", "general sherman"]),
        frozenset(["bad", "evil"]),
    }
    # An inflected word has the senses of its stem, but nothing is called by it.
    wanted -= {frozenset(["oaken", "trees"])}
    assert named(graph.positive) == {pair for pair in wanted if len(pair) == 2}
    # Two steps apart, and of another part of speech.
    assert frozenset(["oak", "plant"]) not in named(graph.positive)
    # It is words that are antonyms, not what they mean.
    assert named(graph.negative) == {frozenset(["good", "bad"])}


def test_a_folder_of_nltk_will_do(database):
    pytest.importorskip("nltk")
    above = wordnet_relations(WORDS, database.parent.parent)
    own = wordnet_relations(WORDS, str(database))
    assert above.positive.tolist() == own.positive.tolist()


def test_a_folder_without_a_database_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks lexnames, index\.noun"):
        wordnet_relations(WORDS, tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a WordNet database"):
        wordnet_relations(WORDS, tmp_path / "nowhere")


def test_without_nltk_the_error_says_what_to_install(database, monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(ImportError, match="pip install nltk"):
        wordnet_relations(WORDS, database)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("lexnames", "00 all\n"),
        ("lexnames", "01\tall\t3\n"),
        ("index.noun", "oak n one 0 1 0 00000060\n"),
        ("index.noun", "oak n 1\n"),
        ("index.noun", "oak n 1 0 1 0 00000000\n"),
        ("data.noun", "00000056 00 n 01 oak\n"),
        ("data.noun", ""),
    ],
)
def test_a_damaged_database_is_named(tmp_path, file, text):
    pytest.importorskip("nltk")
    folder = tmp_path / "wordnet"
    write(folder, SYNSETS, {})
    (folder / file).write_text(text)
    with pytest.raises(ValueError, match="wordnet is damaged, unpack it again"):
        wordnet_relations(["oak", "tree", "plant"], folder)


def test_the_real_database(data_dir, tmp_path):
    pytest.importorskip("nltk")
    with tarfile.open(data_dir / "wordnet" / "wordnet-3.0.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    words = ["oak", "tree", "dogs", "puppy", "canine", "hot", "cold", "paris", "car"]
    words += ["automobile", "the", "cat"]
    graph = wordnet_relations(words, tmp_path / "wordnet")

    def pairs(array):
        return {frozenset(words[i] for i in pair) for pair in array.tolist()}

    # To dog is to chase, and to tree is to chase up a tree.
    related = "oak tree", "dogs puppy", "dogs canine", "car automobile", "dogs tree"
    assert pairs(graph.positive) == {frozenset(pair.split()) for pair in related}
    assert pairs(graph.negative) == {frozenset(["hot", "cold"])}
