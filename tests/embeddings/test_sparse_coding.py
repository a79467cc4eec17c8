"""Sparse codes against scikit-learn, and by the conditions of the minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import sparse_encode

from ant_jax.embeddings import AnchorEmbedding, sparse_code


def random_table(seed, vocab=30, features=7, rank=None):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(vocab, features))
    if rank is not None:
        table = table[:, :rank] @ rng.normal(size=(rank, features))
    return table.astype(np.float32)


@pytest.mark.parametrize("nonnegative", [True, False])
@pytest.mark.parametrize("count", [5, 20])
def test_codes_are_those_of_scikit_learn(nonnegative, count):
    table = np.float64(random_table(0, vocab=1100))
    base = np.random.default_rng(1).permutation(1100)[:count]
    options = {"nonnegative": nonnegative, "tolerance": 1e-9}
    with jax.enable_x64(True):
        emb, params = sparse_code(table, base, 0.5, **options)
    assert emb == AnchorEmbedding(1100, 7, count, param_dtype=np.dtype(np.float64))
    assert (np.asarray(params.anchors) == table[base]).all()
    transform = np.asarray(params.transform)
    assert (transform[base] == np.eye(count)).all()
    rest = np.setdiff1d(np.arange(1100), base)
    theirs = sparse_encode(
        table[rest],
        table[base],
        algorithm="lasso_cd",
        alpha=0.5,
        positive=nonnegative,
        max_iter=300_000,
    )
    np.testing.assert_allclose(transform[rest], theirs, atol=2e-2)
    ours, best = (
        0.5 * np.sum((table[rest] - codes @ table[base]) ** 2)
        + 0.5 * np.abs(codes).sum()
        for codes in (transform[rest], theirs)
    )
    assert ours <= best * (1 + 1e-9)
    assert (transform[rest] == 0).mean() > 0.1
    assert (transform < 0).any() != nonnegative


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    l1=st.sampled_from([0.01, 0.3, 3.0, 100.0]),
    rank=st.sampled_from([None, 1, 3]),
    nonnegative=st.booleans(),
)
def test_codes_fulfill_the_conditions_of_the_minimum(seed, l1, rank, nonnegative):
    """Also where base rows outnumber the features, or depend on each other."""
    table = np.float64(random_table(seed, rank=rank))
    options = {"nonnegative": nonnegative, "tolerance": 1e-10}
    with jax.enable_x64(True):
        _, params = sparse_code(table, np.arange(9), l1, **options)
    codes, anchors, rows = np.asarray(params.transform)[9:], table[:9], table[9:]
    products = (rows - codes @ anchors) @ anchors.T
    # How far from the minimum a gap allows a gradient to be.
    slack = 1e-5 * (rows**2).sum(axis=1).max() ** 0.5 * np.linalg.norm(anchors, 2)
    if nonnegative:
        assert (codes >= 0).all()
        assert (products <= l1 + slack).all()
    else:
        assert (np.abs(products) <= l1 + slack).all()
    held = codes != 0
    assert np.abs(products - l1 * np.sign(codes))[held].max(initial=0) <= slack


def test_a_large_penalty_leaves_nothing_and_zero_rows_have_no_code():
    table = random_table(0)
    table[20] = 0
    _, params = sparse_code(table, [0, 1, 2], 1e3)
    assert (params.transform[3:] == 0).all()
    _, params = sparse_code(table, [0, 1, 2], 1e-2)
    assert (params.transform[20] == 0).all()
    assert (params.transform[3:] != 0).any()


def test_the_table_may_be_narrow():
    table = jnp.asarray(random_table(0), jnp.bfloat16)
    emb, params = sparse_code(table, [0, 1, 2], 0.1)
    assert emb.param_dtype == params.transform.dtype == jnp.bfloat16
    assert (params.transform[:3] == jnp.eye(3, dtype=jnp.bfloat16)).all()


def test_base_rows_of_zeros_explain_nothing():
    table = random_table(0)
    table[:2] = 0
    _, params = sparse_code(table, [0, 1], 0.1)
    assert (params.transform[2:] == 0).all()


def test_numbers_that_overflow_are_not_passed_over():
    with pytest.raises(RuntimeError, match=r"at a duality gap of (nan|inf)"):
        sparse_code(1e25 * random_table(0), np.arange(5), 0.1)


def test_float64_is_what_jax_makes_of_it():
    emb, params = sparse_code(np.float64(random_table(0)), [0, 1], 0.1)
    assert emb.param_dtype == params.transform.dtype == jnp.float32


def test_no_base_for_no_other_object():
    _, params = sparse_code(random_table(0, vocab=3), [2, 0, 1], 0.1)
    assert params.transform[2].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": np.ones(3)}, r"table must be floats \(V, d\)"),
        ({"table": np.ones((3, 2), int)}, "table must be floats"),
        ({"table": np.full((3, 2), np.nan)}, "table must be finite, but holds NaN"),
        ({"base_ids": [0, 3]}, r"base_ids holds 3, which is outside \[0, 3\)"),
        ({"base_ids": [0, 0]}, "base_ids holds 0 more than once"),
        ({"base_ids": []}, "num_anchors must be a positive integer"),
        ({"l1": 0.0}, "l1 must be a finite number > 0"),
        ({"tolerance": np.nan}, "tolerance must be a finite number > 0"),
    ],
)
def test_bad_input(changes, message):
    arguments = {"table": np.ones((3, 2)), "base_ids": [0], "l1": 0.1} | changes
    with pytest.raises(ValueError, match=message):
        sparse_code(**arguments)


def test_a_solver_that_stops_early_says_so():
    with pytest.raises(RuntimeError, match="stopped after 10 steps at a duality gap"):
        sparse_code(random_table(0), np.arange(20), 0.01, tolerance=1e-7, max_steps=10)


def test_both_orders_of_the_product_solve_the_same_problem():
    """More base rows than twice the features go through the features."""
    table = random_table(3, features=4)
    _, through_features = sparse_code(table, np.arange(9), 0.3, tolerance=1e-5)
    wide = np.pad(table, ((0, 0), (0, 4)))
    _, through_gram = sparse_code(wide, np.arange(9), 0.3, tolerance=1e-5)
    first, second = (
        np.float64(p.transform) @ table[:9] for p in (through_features, through_gram)
    )
    np.testing.assert_allclose(first, second, atol=5e-3)
