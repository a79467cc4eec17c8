import dataclasses

import numpy as np
import pytest

from benchmarks.batches import draw_ranks
from benchmarks.texts import TextWorkload, draw_texts
from experiments.text_classification.configs import Config

WORKLOAD = TextWorkload(Config(length=100), num_words=61_673, num_classes=4)


def test_texts_are_full_and_in_range():
    texts = draw_texts(WORKLOAD, 500, turn=0)
    assert texts.tokens.shape == (500, 100)
    assert {column.dtype for column in texts} == {np.dtype(np.int32)}
    assert 3 <= texts.tokens.min() < texts.tokens.max() < 61_673
    assert set(texts.lengths) == {100}
    assert set(texts.labels) == {0, 1, 2, 3}


def test_words_are_as_skewed_as_in_reviews():
    tokens = draw_texts(WORKLOAD, 6_400, turn=0).tokens
    counts = np.sort(np.bincount(tokens.ravel()))[::-1]
    shares = counts.cumsum()[[0, 9, 99, 999]] / counts.sum()
    # Of the first 100 tokens of IMDB's training texts.
    np.testing.assert_allclose(shares, [0.046, 0.259, 0.590, 0.817], rtol=0.1)
    # Different words in a batch of 64 of them, the mean of four draws.
    assert len(np.unique(tokens[:64])) == pytest.approx(1_666, rel=0.15)


def test_texts_differ_by_turn_and_seed_alone():
    first = draw_texts(WORKLOAD, 3, turn=1)
    again = draw_texts(WORKLOAD, 3, turn=1)
    config = dataclasses.replace(WORKLOAD.config, seed=1)
    other = draw_texts(dataclasses.replace(WORKLOAD, config=config), 3, turn=1)
    assert np.array_equal(first.tokens, again.tokens)
    assert not np.array_equal(first.tokens, draw_texts(WORKLOAD, 3, turn=2).tokens)
    assert not np.array_equal(first.tokens, other.tokens)


@pytest.mark.parametrize(("exponent", "shift"), [(1.25, 5.0), (2.8, 50.0)])
def test_ranks_follow_the_law(exponent, shift):
    ranks = draw_ranks(np.random.default_rng(0), (200_000,), 1_000, exponent, shift)
    want = (np.arange(1, 1_001) + shift) ** -exponent
    got = np.bincount(ranks, minlength=1_000) / ranks.size
    # Of the first hundred ranks, and of ten parts of the whole.
    np.testing.assert_allclose(got[:100], want[:100] / want.sum(), rtol=0.2)
    got, want = (x.reshape(10, 100).sum(1) for x in (got, want / want.sum()))
    np.testing.assert_allclose(got, want, rtol=0.15)
