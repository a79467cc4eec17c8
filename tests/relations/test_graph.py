"""Relations as sets of pairs, and which entries of T they leave free."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.relations import RelationGraph, unpenalized

V = 7


def pairs():
    shapes = st.integers(0, 12).map(lambda n: (n, 2))
    return shapes.flatmap(
        lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(0, V - 1))
    )


def as_set(array):
    return {frozenset(pair) for pair in array.tolist()}


def without_loops(array):
    return {pair for pair in as_set(array) if len(pair) == 2}


@given(pairs(), pairs())
def test_pairs_are_sets_and_the_negative_ones_win(positive, negative):
    graph = RelationGraph(V, positive, negative)
    assert as_set(graph.negative) == without_loops(negative)
    assert as_set(graph.positive) == without_loops(positive) - without_loops(negative)
    for array in (graph.positive, graph.negative):
        assert array.dtype == np.int64
        assert len(as_set(array)) == len(array)
        assert (array[:, 0] < array[:, 1]).all()
        assert array.tolist() == sorted(array.tolist())


@given(pairs(), pairs(), pairs(), pairs())
def test_a_union_is_the_graph_of_all_pairs(a, b, c, d):
    united = RelationGraph(V, a, b) | RelationGraph(V, c, d)
    negative = without_loops(b) | without_loops(d)
    # What one graph has as negative is not in it as positive, so it cannot come back.
    assert as_set(united.negative) == negative
    assert as_set(united.positive) == (without_loops(a) | without_loops(c)) - negative


def test_pairs_cannot_be_changed():
    graph = RelationGraph(3, np.array([[0, 1]]))
    with pytest.raises(ValueError, match="read-only"):
        graph.positive[0, 0] = 2


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        (np.array([[0, V]]), r"positive pairs must be in \[0, 7\), got 0 to 7"),
        (np.array([[-1, 0]]), r"positive pairs must be in \[0, 7\), got -1 to 0"),
        (np.array([[0.0, 1.0]]), "must be integers of shape"),
        (np.array([0, 1]), "must be integers of shape"),
        (np.array([[0, 1, 2]]), "must be integers of shape"),
    ],
)
def test_bad_pairs_are_refused(pairs, match):
    with pytest.raises(ValueError, match=match):
        RelationGraph(V, pairs)


def test_graphs_of_two_vocabularies_are_not_united():
    with pytest.raises(ValueError, match="Graphs over 3 and 4 objects"):
        RelationGraph(3) | RelationGraph(4)


@given(
    pairs(),
    hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(-1, V - 1)),
    st.booleans(),
)
def test_free_entries_are_those_of_related_objects(positive, objects, own):
    free = unpenalized(RelationGraph(V, positive), objects, own=own)
    related = without_loops(positive)
    assert free.shape == (V, len(objects))
    assert free.dtype == bool
    for u in range(V):
        for k, a in enumerate(objects.tolist()):
            wanted = {u, a} in related or (own and u == a)
            assert free[u, k] == wanted


def test_only_the_free_entries_are_stored():
    size = 10**6
    related = np.array([[0, size - 1], [5, 6]])
    free = unpenalized(RelationGraph(size, related), np.array([0, 6, 9]))
    assert free.nnz == 5


@pytest.mark.parametrize(
    ("objects", "match"),
    [
        (np.array([0, V]), r"must be in \[0, 7\), or -1 for none, got 0 to 7"),
        (np.array([-2]), "got -2 to -2"),
        (np.array([0.0]), "must be integers of shape"),
        (np.zeros(0, np.int64), "must be integers of shape"),
    ],
)
def test_bad_anchor_objects_are_refused(objects, match):
    with pytest.raises(ValueError, match=match):
        unpenalized(RelationGraph(V), objects)
