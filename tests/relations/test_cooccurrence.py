"""Co-occurrences against a loop over all pairs of tokens."""

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ant_jax.relations import cooccurrence_counts, most_related, positive_pmi

V = 5


@st.composite
def documents(draw):
    tokens = draw(
        hnp.arrays(np.int32, st.integers(0, 25), elements=st.integers(0, V - 1))
    )
    inner = draw(st.lists(st.integers(0, len(tokens)), max_size=4))
    return tokens, np.array([0, *sorted(inner)])


def loop(tokens, starts, window):
    counts = np.zeros((V, V), int)
    bounds = [*starts.tolist(), len(tokens)]
    for start, stop in itertools.pairwise(bounds):
        text = tokens[start:stop].tolist()
        for i, u in enumerate(text):
            for j, v in enumerate(text):
                counts[u, v] += 1 <= abs(i - j) <= window
    return counts


@given(documents(), st.integers(1, 12))
def test_counts_are_those_of_a_loop(texts, window):
    counts = cooccurrence_counts(*texts, V, window)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts.toarray(), loop(*texts, window))
    tokens, starts = texts
    ended = cooccurrence_counts(tokens, np.append(starts, len(tokens)), V, window)
    np.testing.assert_array_equal(ended.toarray(), counts.toarray())


def test_the_published_window_is_the_default():
    tokens = np.array([0] + [2] * 9 + [1])
    start = np.array([0])
    assert cooccurrence_counts(tokens, start, 3)[0, 1] == 1
    assert cooccurrence_counts(np.insert(tokens, 1, 2), start, 3)[0, 1] == 0


def test_nothing_as_large_as_the_vocabulary_squared_is_made():
    size = 10**6
    tokens = np.random.default_rng(0).integers(0, size, 2000)
    counts = cooccurrence_counts(tokens, np.array([0, 500]), size)
    assert counts.nnz <= 2 * 2000 * 10
    assert positive_pmi(counts).nnz <= counts.nnz
    assert len(most_related(counts, top_n=2).positive) <= 2 * 2000


@given(documents(), st.sampled_from([1.0, 0.75]))
def test_positive_pmi_is_that_of_its_equation(texts, smoothing):
    counts = loop(*texts, 3).astype(float)
    got = positive_pmi(sparse.csr_array(counts), smoothing)
    own, context = counts.sum(1), counts.sum(0) ** smoothing
    for u in range(V):
        for v in range(V):
            wanted = 0.0
            if counts[u, v]:
                chance = counts[u, v] / own[u]
                wanted = max(np.log(chance / (context[v] / context.sum())), 0)
            assert got[u, v] == pytest.approx(wanted, abs=1e-12)
    assert (got.data > 0).all()


@given(
    hnp.arrays(np.int64, (V, V), elements=st.integers(-1, 3)),
    st.sampled_from([1, 2, None]),
    st.sampled_from([0.0, 2.0]),
)
def test_the_most_related_are_those_of_a_sort(scores, top_n, min_score):
    graph = most_related(sparse.csr_array(scores), top_n, min_score)
    wanted = set()
    for u in range(V):
        order = sorted(range(V), key=lambda v: (-scores[u, v], v))
        near = [
            v
            for v in order
            if v != u and scores[u, v] > 0 and scores[u, v] >= min_score
        ]
        wanted |= {(min(u, v), max(u, v)) for v in near[:top_n]}
    assert {tuple(pair) for pair in graph.positive.tolist()} == wanted
    assert len(graph.negative) == 0


@pytest.mark.parametrize(
    ("tokens", "starts", "match"),
    [
        ([0, V], [0], r"tokens must be in \[0, 5\), got 0 to 5"),
        ([-1], [0], "got -1 to -1"),
        ([0.0], [0], "tokens must be integers"),
        ([0], [1], "starts must begin at 0"),
        ([0, 1], [0, 2, 1], "starts must begin at 0 and ascend"),
        ([0, 1], [0, 3], "at most 2 tokens"),
        ([0, 1], [[0]], "starts must be integers of one dimension"),
    ],
)
def test_bad_documents_are_refused(tokens, starts, match):
    with pytest.raises(ValueError, match=match):
        cooccurrence_counts(np.array(tokens), np.array(starts), V)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="window must be at least 1"):
        cooccurrence_counts(np.array([0]), np.array([0]), V, window=0)
    with pytest.raises(ValueError, match="top_n must be at least 1"):
        most_related(sparse.csr_array((V, V)), top_n=0)
    with pytest.raises(ValueError, match=r"scores must be of shape \(V, V\)"):
        most_related(sparse.csr_array((V, 2)))
