"""What settings are refused."""

import dataclasses

import jax
import pytest

from experiments.runner.config import CONDENSED, METHODS, SPARSE
from experiments.text_classification.configs import Config
from experiments.text_classification.task import TextClassification

ANCHORS = {"anchors_choice": "frequency"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "Unknown method 'magic'; known ones: ant, nbant"),
        ({"encoder": "magic"}, "known ones: cnn, lstm"),
        ({"tokenizer": "magic"}, "Unknown tokenizer 'magic'; known ones: treebank"),
        ({"anchors_choice": "magic"}, "known ones: random, frequency, tf_idf"),
        ({"anchors_start": "magic"}, "known ones: normal, half_normal, signed_basis"),
        ({"relations": "magic"}, "known ones: none, cooccurrence, wordnet"),
        ({"length": 4}, "length must be at least 5, got 4"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"validation_share": 0.0}, "validation_share must be above 0 and below 1"),
        ({"clusters": 0}, "clusters must be at least 1"),
        ({"hidden": 0}, "hidden must be at least 1"),
        ({"codes": 0}, "codes must be at least 1"),
        ({"kl_weight": -1.0}, "kl_weight must be at least 0 and finite"),
        ({"temperature": 0.0}, "temperature must be above 0 and finite"),
        ({"code_l1": 0.0}, "code_l1 must be above 0 and finite"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"slot_dtype": "bfloat16"}, "needs lazy rows"),
        ({"budgets": (100, 200)}, "budgets must fall"),
        (
            {"method": "cluster_adjustment", "adjustment_features": 64},
            "adjustment_features must be below the features",
        ),
        (
            ANCHORS | {"method": "full"},
            "anchors_choice frequency is for --method ant, not full",
        ),
        (
            {"anchors_choice": "classes", "method": "hashing"},
            "anchors_choice classes is for --method ant, .* not hashing",
        ),
        (
            {"anchors_choice": "classes", "relations": "cooccurrence"},
            "need anchors that are words: set",
        ),
        ({"split_seed": -1}, "split_seed must be at least 0"),
        ({"class_smoothing": 0.0}, "class_smoothing must be above 0 and finite"),
        ({"class_scale": 0.0}, "class_scale must be above 0 and finite"),
        ({"relations": "cooccurrence"}, "need anchors that are words: set"),
        (ANCHORS | {"relations": "wordnet"}, "need its folder: --wordnet_dir"),
        (ANCHORS | {"negative_weight": 0.1}, "set --relations=wordnet"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**changes)


def test_settings_at_their_limits_are_taken():
    Config(length=5, dropout=0.0, kl_weight=0.0, halving_steps=0, refit_epochs=0)
    Config(method="cluster_adjustment", adjustment_features=63)
    Config(**ANCHORS, relations="wordnet", wordnet_dir=".", negative_weight=0.1)
    for method in (*SPARSE, *CONDENSED):
        assert Config(method=method, budgets=(1000, 900)).budgets == (1000, 900)


def test_every_method_has_an_embedding_of_its_size(small, prepared):
    words = len(prepared.words)
    expected = {
        "ant": 4 * 8 + words * 4,
        "anchor_mixture": 7 * 8 + words * 7,
        "cluster": 8 * 8,
        "cluster_adjustment": 8 * 6 + words * 2,
        "mixed_cluster": (25 + 8) * 8,
        "most_frequent": 26 * 8,
        "tf_idf": 26 * 8,
        "hashing": 30 * 8,
        "low_rank": (words + 8) * 4,
        "nbant": 32 * 8 + words * 32,
        "sparse_cbow": words * 8,
        "quotient_remainder": (30 + 2) * 8,
    }
    for method in METHODS:
        config = dataclasses.replace(small, method=method)
        emb = TextClassification(config, prepared).model.embedding
        assert (emb.num_embeddings, emb.features) == (words, 8)
        if method in expected:
            params = emb.init(jax.random.key(0))
            assert emb.num_params(params) == expected[method]
