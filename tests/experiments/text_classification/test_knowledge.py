"""Which words are anchors, and which entries of T have no penalty."""

import dataclasses
import sys

import jax
import numpy as np
import pytest

from experiments.data import Names
from experiments.text_classification import knowledge
from experiments.text_classification.configs import CLASSED, WORD_CHOICES
from experiments.text_classification.input_pipeline import SPECIAL
from experiments.text_classification.task import TextClassification

pytestmark = pytest.mark.usefixtures("quick_compilation")

WORDS = len(SPECIAL) + 52


def embedding_of(config, prepared):
    return TextClassification(config, prepared).model.embedding


def gathered(small, prepared, **changes):
    return knowledge.gather(dataclasses.replace(small, **changes), prepared)


@pytest.mark.parametrize("choice", WORD_CHOICES)
def test_anchors_are_words_none_twice(choice, small, prepared):
    assert len(prepared.words) == WORDS
    for number in (5, WORDS - len(SPECIAL)):
        found = gathered(small, prepared, anchors_choice=choice, anchors=number)
        assert len(set(found.objects.tolist())) == number
        assert found.objects.min() >= len(SPECIAL)
        assert found.objects.max() < WORDS
        assert found.vectors.shape == (WORDS, 8)


def test_the_most_frequent_words_are_the_first(small, prepared):
    found = gathered(small, prepared, anchors_choice="frequency")
    assert found.objects.tolist() == [3, 4, 5, 6]
    both = gathered(small, prepared, anchors_choice="frequency_kmeans")
    assert both.objects[:2].tolist() == [3, 4]


def test_words_by_tf_idf(small, prepared):
    found = gathered(small, prepared, anchors_choice="tf_idf")
    texts = len(prepared.splits.train.labels)
    scores = prepared.counts * (
        np.log((1 + texts) / (1 + prepared.documents.astype(float))) + 1
    )
    expected = 3 + np.argsort(-scores[3:], kind="stable")[:4]
    assert found.objects.tolist() == expected.tolist()


def test_more_anchors_than_words_are_refused(small, prepared):
    for choice in WORD_CHOICES:
        with pytest.raises(ValueError, match=r"52 words to choose 53 .*--anchors"):
            gathered(small, prepared, anchors_choice=choice, anchors=53)


def test_nothing_is_known_where_nothing_is_asked(small, prepared):
    nothing = knowledge.NOTHING
    assert gathered(small, prepared) == nothing
    assert gathered(small, prepared, method="full") == nothing
    emb, key = embedding_of(small, prepared), jax.random.key(0)
    jax.tree.map(
        np.testing.assert_array_equal,
        knowledge.start(small, emb, key, nothing),
        emb.init(key),
    )


def test_a_word_is_its_own_anchor_at_the_start(small, prepared):
    found = gathered(small, prepared, anchors_choice="kmeans")
    emb = embedding_of(small, prepared)
    params = knowledge.start(small, emb, jax.random.key(0), found)
    np.testing.assert_array_equal(params.transform[found.objects], np.eye(4))
    np.testing.assert_allclose(params.anchors, found.vectors[found.objects])
    assert (params.transform >= 0).all()
    # The others have entries where they are alike.
    others = np.setdiff1d(np.arange(3, WORDS), found.objects)
    alike = found.vectors[others] @ found.vectors[found.objects].T > 0
    np.testing.assert_array_equal(np.asarray(params.transform)[others] > 0, alike)


def neighbours(examples, window=10):
    """Which words occur at most `window` places from each other, by loops."""
    near = np.zeros((WORDS, WORDS), bool)
    for tokens, length in zip(examples.tokens, examples.lengths, strict=True):
        text = tokens[:length]
        for i, word in enumerate(text):
            for other in text[i + 1 : i + 1 + window]:
                near[word, other] = near[other, word] = True
    return near


def test_words_that_occur_together_are_related(small, prepared):
    changes = {"anchors_choice": "frequency", "relations": "cooccurrence"}
    found = gathered(small, prepared, related_words=1000, **changes)
    free = found.unpenalized.toarray()
    assert free.shape == (WORDS, 4)
    assert found.negative is None
    near = neighbours(prepared.splits.train)[:, found.objects]
    own = np.arange(WORDS)[:, None] == found.objects
    assert not (free & ~near & ~own).any()
    assert (free & own).sum() == 4
    few = gathered(small, prepared, related_words=2, **changes)
    assert 4 < few.unpenalized.nnz < free.sum() < near.size


@pytest.fixture
def with_wordnet(small, prepared, monkeypatch):
    """Data whose words are in a graph, in place of NLTK and its database."""
    words = [*SPECIAL, "oak", "tree", "plant", "good", "bad"]
    words += [f"w{n}" for n in range(WORDS - len(words))]
    asked = []

    def related(words, folder):
        asked.append((words, folder))
        positive, negative = np.array([(3, 4), (4, 5)]), np.array([(6, 7)])
        return knowledge.relations.RelationGraph(len(words), positive, negative)

    monkeypatch.setattr(knowledge.relations, "wordnet_relations", related)
    config = dataclasses.replace(
        small, relations="wordnet", wordnet_dir="somewhere", anchors_choice="frequency"
    )
    return config, dataclasses.replace(prepared, words=Names(words)), asked


def test_what_wordnet_relates(with_wordnet):
    config, prepared, asked = with_wordnet
    found = knowledge.gather(config, prepared)
    words, folder = asked[0]
    assert folder == "somewhere"
    # What only looks like a word is not looked up.
    assert words[:4] == ["", "", "", "oak"]
    free = [(0, 3), (0, 4), (1, 3), (1, 4), (1, 5), (2, 4), (2, 5), (3, 6)]
    expected = np.zeros((WORDS, 4), bool)
    expected[tuple(zip(*[(word, anchor) for anchor, word in free], strict=True))] = True
    np.testing.assert_array_equal(found.unpenalized.toarray(), expected)
    assert found.negative.tolist() == [[6, 7]]


def test_without_wordnet_there_is_one_message(small, prepared, tmp_path, monkeypatch):
    changes = {"relations": "wordnet", "anchors_choice": "frequency"}
    with pytest.raises(OSError, match="is not a WordNet database: it lacks"):
        gathered(small, prepared, wordnet_dir=str(tmp_path), **changes)
    monkeypatch.setitem(sys.modules, "nltk", None)
    monkeypatch.setattr("ant_jax.relations.wordnet._find", lambda folder: folder)
    with pytest.raises(ValueError, match=r"not installed: pip install nltk"):
        gathered(small, prepared, wordnet_dir=str(tmp_path), **changes)


CLASSES = {"anchors_choice": "classes", "class_scale": 0.5}


def relevance_of(small, prepared, **changes):
    return gathered(small, prepared, **CLASSES, **changes).relevance


def test_classes_are_relevant_to_the_words_that_tell_them(small, prepared):
    found = relevance_of(small, prepared, class_smoothing=1.0)
    assert found.shape == (WORDS, 3)
    names = np.array(prepared.words)
    for number, name in enumerate(prepared.classes):
        own = [word.startswith(name) for word in names]
        assert found[own].argmax(axis=1).tolist() == [number] * 4
    # Padding is not read, and the unknown word is in no text.
    assert not found[:2].any()


@pytest.mark.parametrize("method", CLASSED)
def test_a_word_starts_from_its_classes(method, small, prepared):
    config = dataclasses.replace(small, method=method, **CLASSES)
    found = knowledge.gather(config, prepared)
    emb, key = embedding_of(config, prepared), jax.random.key(0)
    params, drawn = knowledge.start(config, emb, key, found), emb.init(key)
    shapes = [(x.shape, x.dtype) for x in jax.tree.leaves(drawn)]
    assert [(x.shape, x.dtype) for x in jax.tree.leaves(params)] == shapes
    # Of the arrays, only the one with a row for every word is not as it is drawn.
    changed = sum(
        bool((old != new).any())
        for old, new in zip(
            jax.tree.leaves(drawn), jax.tree.leaves(params), strict=True
        )
    )
    assert changed == 1


def test_entries_are_scaled_and_what_is_behind_them_is_drawn(small, prepared):
    found = relevance_of(small, prepared)
    config = dataclasses.replace(small, **CLASSES)
    emb, key = embedding_of(config, prepared), jax.random.key(0)
    params = knowledge.start(config, emb, key, knowledge.gather(config, prepared))
    transform = np.asarray(params.transform)
    np.testing.assert_allclose(transform[:, :3], 0.5 * found, rtol=1e-6)
    np.testing.assert_array_equal(transform[:, 3], emb.init(key).transform[:, 3])


def test_a_table_starts_as_such_anchors(small, prepared):
    config = dataclasses.replace(small, method="full", **CLASSES)
    found = knowledge.gather(config, prepared)
    emb = embedding_of(config, prepared)
    table = knowledge.start(config, emb, jax.random.key(0), found).embedding
    assert np.linalg.matrix_rank(table) == 3
    alone = (found.relevance > 0).sum(axis=1) == 0
    np.testing.assert_array_equal(np.asarray(table)[alone], 0)


@pytest.mark.parametrize(
    ("method", "name"), [("ant", "anchors"), ("cluster", "clusters")]
)
def test_fewer_anchors_than_classes_are_refused(method, name, small, prepared):
    with pytest.raises(
        ValueError, match=rf"Of 3 classes .* raise --{name}, which is 2"
    ):
        gathered(small, prepared, method=method, **CLASSES, **{name: 2})
