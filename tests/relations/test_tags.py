"""Shared tags against a loop over all pairs of objects."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.relations import tag_relations, tags

V = 6
OWNED = st.lists(st.tuples(st.integers(0, V - 1), st.sampled_from([0, 3, 10**12])))


def as_arrays(owned):
    objects, tags = zip(*owned, strict=True) if owned else ((), ())
    return np.array(objects, np.int64), np.array(tags, np.int64)


@given(
    OWNED,
    st.integers(1, 3),
    st.none() | st.lists(st.integers(0, V - 1), max_size=3).map(np.array),
)
def test_related_are_those_that_share_tags(owned, min_shared, among):
    if among is not None:
        among = among.astype(np.int64)
    graph = tag_relations(V, *as_arrays(owned), min_shared=min_shared, among=among)
    own = {v: {tag for u, tag in owned if u == v} for v in range(V)}
    wanted = [
        [u, v]
        for u, v in itertools.combinations(range(V), 2)
        if len(own[u] & own[v]) >= min_shared
        and (among is None or u in among or v in among)
    ]
    assert graph.positive.tolist() == wanted


def test_blocks_are_put_together(monkeypatch):
    monkeypatch.setattr(tags, "_BLOCK", 2)
    rng = np.random.default_rng(0)
    objects, marks = rng.integers(0, 9, 20), rng.integers(0, 4, 20)
    parts = tag_relations(9, objects, marks).positive
    monkeypatch.undo()
    np.testing.assert_array_equal(parts, tag_relations(9, objects, marks).positive)
    assert len(parts)


@pytest.mark.parametrize(
    ("objects", "marks", "match"),
    [
        ([0, V], [1, 1], r"objects must be in \[0, 6\)"),
        ([0], [1, 1], "the same length, got 1 and 2"),
        ([0], [-1], "tags must be >= 0"),
        ([0.0], [1], "objects must be integers"),
        ([[0]], [1], "of one dimension"),
    ],
)
def test_bad_tags_are_refused(objects, marks, match):
    with pytest.raises(ValueError, match=match):
        tag_relations(V, np.array(objects), np.array(marks))
    with pytest.raises(ValueError, match="min_shared must be at least 1"):
        tag_relations(V, np.array([0]), np.array([0]), min_shared=0)
    with pytest.raises(ValueError, match=r"among must be in \[0, 6\)"):
        tag_relations(V, np.array([0]), np.array([0]), among=np.array([V]))
