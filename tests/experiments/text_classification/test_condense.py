"""Trained tables made into smaller ones."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.embeddings import (
    VariationalVocabularyEmbedding,
    VariationalVocabularyParams,
)
from experiments.runner.condense import condense
from experiments.runner.errors import CollapsedError
from experiments.runner.finish import check_budgets
from experiments.text_classification.task import TextClassification

pytestmark = pytest.mark.usefixtures("quick_compilation")

WORDS, FEATURES = 55, 8


@pytest.fixture(scope="module")
def table():
    """A table of which every fifth row is zero, and the others grow."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(WORDS, FEATURES)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.arange(1, WORDS + 1, dtype=np.float32)[:, None]
    rows[::5] = 0
    return rows


def condensed(config, prepared, rows, limit, **changes):
    config = dataclasses.replace(config, **changes)
    if config.method == "vvd":
        emb = VariationalVocabularyEmbedding(WORDS, FEATURES)
        log_alpha = np.linspace(2, 4, WORDS, dtype=np.float32)[:, None]
        params = VariationalVocabularyParams(jnp.asarray(rows), jnp.asarray(log_alpha))
    else:
        emb = ant.FullEmbedding(WORDS, FEATURES)
        params = ant.FullParams(jnp.asarray(rows))
    objects = TextClassification(config, prepared).objects("embedding")
    small, values = condense(config, objects, emb, params, config.anchors, limit)
    assert small.num_embeddings == WORDS
    return small, values, np.asarray(small.matrix(values))


def test_group_lasso_keeps_the_longest_rows(small, prepared, table):
    emb, params, matrix = condensed(small, prepared, table, None, method="group_lasso")
    assert emb.kept == tuple(v for v in range(WORDS) if v % 5)
    np.testing.assert_array_equal(matrix, table)
    emb, params, matrix = condensed(small, prepared, table, 83, method="group_lasso")
    longest = np.argsort(-np.linalg.norm(table, axis=1))[: 83 // 8 - 1]
    assert emb.kept == tuple(sorted(longest.tolist()))
    assert emb.num_params(params) == 80
    np.testing.assert_array_equal(matrix[longest], table[longest])
    # More room than there are rows that are not zero.
    emb, _, _ = condensed(small, prepared, table, 10_000, method="group_lasso")
    assert len(emb.kept) == 44


def test_vvd_keeps_the_words_of_the_lowest_rates(small, prepared, table):
    emb, _, matrix = condensed(small, prepared, table, None, method="vvd")
    # Half of all pass the threshold, and what is dropped is zero.
    assert emb.kept == tuple(range(28))
    np.testing.assert_array_equal(matrix, table * (np.arange(WORDS) < 28)[:, None])
    emb, params, matrix = condensed(small, prepared, table, 50, method="vvd")
    assert emb.kept == tuple(range(5))
    assert emb.num_params(params) == 48
    np.testing.assert_array_equal(matrix[:5], table[:5])


def test_sparse_codes_are_pruned_to_a_budget(small, prepared, table):
    emb, params, matrix = condensed(
        small, prepared, table, None, method="sparse_coding", code_l1=1e-3
    )
    base = np.argsort(-prepared.counts, kind="stable")[:4]
    np.testing.assert_allclose(params.anchors, table[base])
    # With so few anchors no code is exact, but each is better than none.
    errors = np.linalg.norm(matrix - table, axis=1)
    assert (errors <= np.linalg.norm(table, axis=1) + 1e-4).all()
    size = emb.num_params(params)
    emb, params, _ = condensed(
        small, prepared, table, size - 20, method="sparse_coding", code_l1=1e-3
    )
    assert emb.num_params(params) == size - 20


@pytest.mark.parametrize(("limit", "codes"), [(None, 12), (500, 12), (70, 8), (8, 1)])
def test_product_quantization_has_as_many_codes_as_there_is_room(
    limit, codes, small, prepared, table
):
    emb, params, _ = condensed(
        small, prepared, table, limit, method="product_quantization"
    )
    assert (emb.num_groups, emb.num_codes) == (4, codes)
    assert emb.num_params(params) == codes * FEATURES


@pytest.mark.parametrize(
    ("method", "least"),
    [
        ("ant", 32),
        ("anchor_mixture", 56),
        ("group_lasso", 16),
        ("vvd", 16),
        ("sparse_coding", 36),
        ("product_quantization", 8),
    ],
)
def test_budgets_without_room_are_refused(method, least, small, prepared):
    def check(*budgets):
        config = dataclasses.replace(small, method=method, budgets=budgets)
        check_budgets(TextClassification(config, prepared))

    check(1000, least)
    check()
    with pytest.raises(ValueError, match=rf"{method} needs at least {least}: raise"):
        check(1000, least - 1)


def test_a_table_of_zeros_is_said_in_words(small, prepared, table):
    for limit in (None, 80):
        with pytest.raises(CollapsedError, match="Lower --group_lasso"):
            condensed(small, prepared, 0 * table, limit, method="group_lasso")
