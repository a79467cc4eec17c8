"""Objects by their scores, each against a plain sort or scikit-learn."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from ant_jax.anchors import (
    document_counts,
    largest,
    largest_rows,
    most_frequent,
    tf_idf,
)

SCORES = hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(-3, 3))


@given(SCORES, st.data())
def test_the_largest_are_those_of_a_sort(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    wanted = sorted(range(len(scores)), key=lambda v: (-scores[v], v))[:k]
    assert largest(scores, k).tolist() == wanted
    assert most_frequent(np.abs(scores), k)[0] == np.argmax(np.abs(scores))


def test_infinite_scores_have_their_place():
    assert largest(np.array([0.0, -np.inf, np.inf]), 3).tolist() == [2, 0, 1]


def test_the_largest_rows_are_those_with_the_largest_norms():
    table = np.array([[0.0, 0.0], [1.0, -2.0], [2.0, 1.0], [-3.0, 0.0]])
    assert largest_rows(table, 3).tolist() == [3, 1, 2]
    with pytest.raises(ValueError, match="Only 3 rows are not zero, but k is 4"):
        largest_rows(table, 4)
    with pytest.raises(ValueError, match=r"must have the shape \(V, d\)"):
        largest_rows(np.zeros(3), 1)


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_is_within_the_vocabulary(k):
    with pytest.raises(ValueError, match=r"k must be in \[1, 3\]"):
        largest(np.zeros(3), k)


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="but some of them are NaN"):
        largest(np.array([0.0, np.nan]), 1)
    with pytest.raises(ValueError, match=r"must have the shape \(V,\)"):
        largest(np.zeros((2, 2)), 1)


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 30, 40)
    tokens = (9 * rng.random(lengths.sum()) ** 3).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    texts = [" ".join(map(str, text)) for text in np.split(tokens, starts[1:])]
    words = [str(v) for v in range(9)]
    counted = CountVectorizer(vocabulary=words, token_pattern=r"\d").transform(texts)
    wanted = TfidfTransformer(norm=None).fit_transform(counted).sum(axis=0)

    counts = np.bincount(tokens, minlength=9)
    spread = document_counts(tokens, starts, 9)
    np.testing.assert_array_equal(spread, (sparse.csr_array(counted) > 0).sum(axis=0))
    np.testing.assert_allclose(
        tf_idf(counts, spread, len(texts)), np.asarray(wanted).ravel(), rtol=1e-12
    )


@pytest.mark.parametrize(("counts", "spread"), [([1], [2]), ([9], [4]), ([1], [-1])])
def test_impossible_counts_are_refused(counts, spread):
    with pytest.raises(ValueError, match=r"in \[0, counts\], and at most .* = 3"):
        tf_idf(np.array(counts), np.array(spread), 3)


def test_counts_of_two_vocabularies_are_refused():
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
        tf_idf(np.zeros(2), np.zeros(3), 3)
