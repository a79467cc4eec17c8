"""The classifier: folded and not, with noise and without."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.embeddings import (
    AnchorMixtureEmbedding,
    ClusterAdjustmentEmbedding,
    ClusterEmbedding,
    MixedClusterEmbedding,
    SparseVariationalEmbedding,
)
from ant_jax.params import join_rows, split_rows
from experiments.text_classification.encoders import CNN, LSTM
from experiments.text_classification.input_pipeline import Examples
from experiments.text_classification.models import Classifier

pytestmark = pytest.mark.usefixtures("quick_compilation")

VOCAB, FEATURES, LENGTH, CLASSES = 20, 8, 7, 3
ENCODERS = {
    "cnn": CNN(CLASSES, filters=4, dropout=0.3),
    "lstm": LSTM(CLASSES, hidden=5, dropout=0.3),
}
# Each has a basis of fewer rows than features.
FOLDED = {
    "ant": ant.AnchorEmbedding(VOCAB, FEATURES, 3),
    "anchor_mixture": AnchorMixtureEmbedding(VOCAB, FEATURES, (2, 3)),
    "cluster": ClusterEmbedding(VOCAB, FEATURES, 4),
    "cluster_adjustment": ClusterAdjustmentEmbedding(VOCAB, FEATURES, 4, 2),
}
NOT_FOLDED = {
    "full": ant.FullEmbedding(VOCAB, FEATURES),
    "as many anchors as features": ant.AnchorEmbedding(VOCAB, FEATURES, FEATURES),
    "no factors": MixedClusterEmbedding(VOCAB, FEATURES, 4, 5),
}


class Unfoldable(CNN):
    """Complains when it is folded."""

    def fold(self, params, basis):
        raise AssertionError("folded")


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    lengths = np.array([LENGTH, 5, 1, 3, LENGTH], np.int32)
    tokens = rng.integers(1, VOCAB, (5, LENGTH)).astype(np.int32)
    tokens[np.arange(LENGTH)[None] >= lengths[:, None]] = 0
    labels = rng.integers(0, CLASSES, 5).astype(np.int32)
    return Examples(*map(jnp.asarray, (tokens, lengths, labels)))


def loss_and_gradients(emb, encoder, fold, params, batch, key):
    model = Classifier(emb, encoder, fold)

    def loss(params):
        scores = model.logits(params, batch.tokens, batch.lengths, key=key)
        weights = jnp.arange(1, 1 + scores.size, dtype=scores.dtype)
        return jnp.sum(jnp.sin(scores) * weights.reshape(scores.shape)), scores

    (_, scores), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    return scores, gradients


def check_folding(emb, encoder, params, batch, key, tolerance):
    scores, gradients = zip(
        *(
            loss_and_gradients(emb, encoder, fold, params, batch, key)
            for fold in (False, True)
        ),
        strict=True,
    )
    np.testing.assert_allclose(*scores, rtol=tolerance, atol=tolerance)
    # Sums of many terms, of which the largest decides what rounding is.
    leaves = [jax.tree.leaves_with_path(tree) for tree in gradients]
    for (path, expected), (_, got) in zip(*leaves, strict=True):
        scale = np.abs(expected).max()
        # Hard assignments have no derivative.
        hard = key is None and "logits" in jax.tree_util.keystr(path)
        assert (scale == 0) == hard, path
        np.testing.assert_allclose(
            got, expected, rtol=tolerance, atol=tolerance * max(scale, 1)
        )


@pytest.mark.parametrize(("method", "noise"), [("ant", False), ("cluster", True)])
def test_folding_changes_nothing(method, noise, batch):
    emb, module = FOLDED[method], ENCODERS["lstm"]
    params = Classifier(emb, module).init(jax.random.key(0), LENGTH)
    key = jax.random.key(1) if noise else None
    check_folding(emb, module, params, batch, key, 2e-5)


@pytest.mark.parametrize(
    ("method", "noise"),
    [
        ("ant", True),
        ("anchor_mixture", False),
        ("cluster", False),
        ("cluster", True),
        ("cluster_adjustment", True),
    ],
)
def test_folding_changes_nothing_in_double_precision(method, noise, batch):
    emb, module = FOLDED[method], ENCODERS["cnn"]
    params = Classifier(emb, module).init(jax.random.key(0), LENGTH)
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: x.astype(jnp.float64), params)
        emb = dataclasses.replace(emb, param_dtype=jnp.float64)
        key = jax.random.key(1) if noise else None
        check_folding(emb, module, params, batch, key, 1e-12)


def test_folding_is_where_it_is_less_work(batch):
    def scores(emb):
        model = Classifier(emb, Unfoldable(CLASSES, filters=2))

        def of_new(key):
            params = model.init(key, LENGTH)
            return model.logits(params, batch.tokens, batch.lengths)

        return jax.eval_shape(of_new, jax.random.key(0))

    for emb in NOT_FOLDED.values():
        assert scores(emb).shape == (5, CLASSES)
    with pytest.raises(AssertionError, match="folded"):
        scores(FOLDED["ant"])


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("method", ["full", "ant"])
def test_what_is_beyond_the_end_of_a_text_has_no_part_in_it(method, encoder, batch):
    emb = {**FOLDED, **NOT_FOLDED}[method]
    model = Classifier(emb, ENCODERS[encoder])
    params = model.init(jax.random.key(0), LENGTH)
    beyond = np.arange(LENGTH)[None] >= np.asarray(batch.lengths)[:, None]
    other = jnp.where(beyond, 1 + (batch.tokens + 7) % (VOCAB - 1), batch.tokens)
    assert (other != batch.tokens).any()
    logits = jax.jit(model.logits)
    np.testing.assert_array_equal(
        logits(params, batch.tokens, batch.lengths),
        logits(params, other, batch.lengths),
    )
    # A word fewer is another text.
    shorter = logits(params, batch.tokens, jnp.maximum(batch.lengths - 1, 1))
    assert (shorter != logits(params, batch.tokens, batch.lengths)).any()


def test_loss_and_error_are_those_of_the_scores(batch):
    model = Classifier(NOT_FOLDED["full"], ENCODERS["cnn"])
    params = model.init(jax.random.key(0), LENGTH)
    scores = np.float64(model.logits(params, batch.tokens, batch.lengths))
    rows, labels = np.arange(len(scores)), np.asarray(batch.labels)
    total = np.log(np.exp(scores).sum(axis=1))
    np.testing.assert_allclose(
        model.cross_entropy(params, batch), total - scores[rows, labels], rtol=1e-5
    )
    wrong = scores.argmax(axis=1) != labels
    assert model.error(params, batch).tolist() == wrong.tolist()


def test_a_key_is_the_noise_of_words_and_of_dropout(batch):
    without = CNN(CLASSES, filters=4, dropout=0.0)
    for emb, noisy in (
        (FOLDED["cluster"], True),
        (SparseVariationalEmbedding(VOCAB, FEATURES), True),
        (FOLDED["ant"], False),
    ):
        model = Classifier(emb, without)
        params = model.init(jax.random.key(0), LENGTH)
        words = batch.tokens, batch.lengths
        first, again, other = (
            np.asarray(model.logits(params, *words, key=jax.random.key(seed)))
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any() == noisy
        dropping = dataclasses.replace(model, encoder=ENCODERS["cnn"])
        one, two = (
            np.asarray(dropping.logits(params, *words, key=jax.random.key(seed)))
            for seed in (0, 1)
        )
        assert (one != two).any()


def test_the_temperature_reaches_the_clusters(batch):
    model = Classifier(FOLDED["cluster"], CNN(CLASSES, filters=4, dropout=0.0))
    params = model.init(jax.random.key(0), LENGTH)
    words, key = (batch.tokens, batch.lengths), jax.random.key(1)
    own, same, hot = (
        np.asarray(model.logits(params, *words, key=key, temperature=temperature))
        for temperature in (None, 0.9, 1e6)
    )
    np.testing.assert_array_equal(own, same)
    # The mean of all clusters, whatever the word.
    basis = params.embedding.embedding
    mean = jnp.broadcast_to(basis.mean(0, keepdims=True), basis.shape)
    flat = params._replace(embedding=params.embedding._replace(embedding=mean))
    np.testing.assert_allclose(hot, model.logits(flat, *words), atol=1e-4)


@pytest.mark.parametrize("method", ["ant", "full"])
def test_tables_that_are_taken_out_can_be_put_back(method):
    model = Classifier({**FOLDED, **NOT_FOLDED}[method], ENCODERS["cnn"])
    params = model.init(jax.random.key(0), LENGTH)
    tables, rest = split_rows(params)
    assert {name: len(table) for name, table in tables.items()} == {"embedding": VOCAB}
    assert all(leaf.shape[:1] != (VOCAB,) for leaf in jax.tree.leaves(rest))
    again = join_rows(tables, rest)
    jax.tree.map(np.testing.assert_array_equal, again, params)
