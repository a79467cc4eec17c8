"""How much more often objects occur in documents of a class."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.anchors import class_relevance

V, C = 7, 3


@st.composite
def labelled(draw):
    """Documents, some of them empty, and the class of each."""
    texts = draw(st.lists(st.lists(st.integers(0, V - 1), max_size=6), max_size=8))
    labels = [draw(st.integers(0, C - 1)) for _ in texts]
    return texts, labels


def packed(texts):
    tokens = np.array([word for text in texts for word in text], np.int32)
    sizes = [len(text) for text in texts]
    return tokens, np.cumsum([0, *sizes])[: len(texts)].astype(np.int32)


def by_loops(texts, labels, smoothing):
    """The formula, one object and class at a time."""
    expected = np.zeros((V, C))
    for word in range(V):
        for of in range(C):
            share = labels.count(of) / len(labels) if labels else 0
            if not share:
                continue
            inside = [
                label for text, label in zip(texts, labels, strict=True) if word in text
            ]
            seen = inside.count(of) + smoothing * share
            ratio = seen / ((len(inside) + smoothing) * share)
            expected[word, of] = max(math.log(ratio), 0)
    return expected


@given(labelled(), st.sampled_from([0.1, 1.0, 10.0]))
def test_equals_the_formula(documents, smoothing):
    texts, labels = documents
    given = np.array(labels, np.int32)
    found = class_relevance(*packed(texts), given, V, C, smoothing=smoothing)
    np.testing.assert_allclose(found, by_loops(texts, labels, smoothing), atol=1e-12)


@given(labelled())
def test_is_sparse_and_bounded_by_how_rare_a_class_is(documents):
    texts, labels = documents
    found = class_relevance(*packed(texts), np.array(labels, np.int32), V, C)
    assert found.shape == (V, C)
    assert (found >= 0).all()
    # An object cannot be more frequent than on average in every class that there is.
    there = [of for of in range(C) if of in labels]
    if there:
        assert (found[:, there] <= 1e-12).any(axis=1).all()
        shares = np.bincount(labels, minlength=C)[there] / len(labels)
        assert (found[:, there] <= -np.log(shares) + 1e-12).all()


def test_without_smoothing_it_is_the_mutual_information_of_events():
    """Against counts of a table: log(p(v, c) / (p(v) p(c)))."""
    texts = [[0, 1], [0], [1], [0, 0]]
    found = class_relevance(
        *packed(texts), np.array([0, 0, 1, 1]), 2, 2, smoothing=1e-12
    )
    assert found[0, 0] == pytest.approx(math.log((2 / 4) / (3 / 4 * 2 / 4)))
    assert found[0, 1] == 0
    assert found[1].tolist() == pytest.approx([0, 0], abs=1e-9)


def test_what_is_in_few_documents_says_less():
    texts = [[0, 1], [0], [0], [2], [2], [2]]
    found = class_relevance(*packed(texts), np.array([0, 0, 0, 1, 1, 1]), 4, 2)
    assert found[0, 0] > found[1, 0] > 0
    assert found[3].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"smoothing": 0.0}, "smoothing must be positive and finite"),
        ({"smoothing": math.inf}, "smoothing must be positive and finite"),
        ({"labels": np.array([0])}, "one for each of 2 documents"),
        ({"labels": np.array([0.0, 1.0])}, "labels must be integers"),
        ({"labels": np.array([0, 2])}, r"labels must be in \[0, 2\), got 0 to 2"),
        ({"labels": np.array([-1, 1])}, r"labels must be in \[0, 2\), got -1 to 1"),
        ({"tokens": np.array([0, 9])}, r"tokens must be in \[0, 3\)"),
        ({"starts": np.array([1, 2])}, "starts must begin at 0"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    arguments = {
        "tokens": np.array([0, 1]),
        "starts": np.array([0, 1]),
        "labels": np.array([0, 1]),
        "num_embeddings": 3,
        "num_classes": 2,
    }
    with pytest.raises(ValueError, match=message):
        class_relevance(**(arguments | changes))
