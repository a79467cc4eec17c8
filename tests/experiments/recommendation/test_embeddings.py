"""The embedding of each method: how large it is, and where it starts."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.recommendation.configs import METHODS
from experiments.recommendation.input_pipeline import Examples, Prepared, Splits
from experiments.recommendation.task import Recommendation

COUNTS = np.array([40, 20, 9, 4, 2, 2, 1, 0])


def embedding_of(config, **changes):
    """The users' embedding for these counts."""
    sizes = {"user_anchors": 3, "clusters": 3, "kept_objects": 2, "num_hashes": 1}
    config = dataclasses.replace(config, **(sizes | changes))
    names = [str(n) for n in range(len(COUNTS))]
    none = Examples(*(np.zeros(0, np.float32) for _ in range(3)))
    prepared = Prepared(Splits(none, none, none), names, names, COUNTS, COUNTS)
    return Recommendation(config, prepared).model.users


def made(config, **changes):
    emb = embedding_of(config, **changes)
    return emb, emb.init(jax.random.key(0))


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_bias_is_one_more_feature(method, biases, small):
    emb = embedding_of(small, method=method, biases=biases)
    matrix = jax.eval_shape(lambda key: emb.matrix(emb.init(key)), jax.random.key(0))
    assert matrix.shape == (8, 4 + biases)
    assert emb.features == 4 + biases


def test_the_settings_of_each_method_reach_it(small):
    expected = {
        "ant": 3 * 5 + 8 * 3,
        "nbant": 8 * 5 + 8 * 8,  # room for as many as may come
        "full": 8 * 5,
        "low_rank": (8 + 5) * 2,
        "hashing": 4 * 5,
        "sparse_cbow": 8 * 5,
        "slimming": 8 * 5,
        "anchor_mixture": (3 + 3) * (5 + 8),
        "cluster": 3 * 5,
        "cluster_adjustment": 3 * 3 + 8 * 2,
        "mixed_cluster": (2 + 3) * 5,
        "most_frequent": (2 + 1) * 5,
        "hash_embedding": 4 * 5 + 8 * 2,
    }
    for method, size in expected.items():
        emb, params = made(small, method=method, rank=2, table_share=0.5)
        assert emb.num_params(params) == size
    emb, _ = made(small, method="quotient_remainder", table_share=0.5)
    assert emb.num_params(emb.init(jax.random.key(0))) == (4 + 2) * 5
    emb, _ = made(small, method="hashing", table_share=0.01, num_hashes=2)
    assert (emb.num_buckets, emb.num_hashes) == (1, 2)
    emb, _ = made(small, method="mixed_dimension", mixed_first=2)
    assert emb.block_features[0] == 2
    assert sum(emb.block_sizes) == 8


def test_rare_objects_have_shorter_vectors_in_mixed_dimensions(small):
    emb = embedding_of(small, method="mixed_dimension", biases=False, features=8)
    lengths = list(emb.block_features)
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0] == 8


def test_biases_of_anchors_start_at_zero(small):
    _, params = made(small, anchors_stddev=0.5)
    assert (params.anchors[:, :-1] > 0).all()
    assert (params.anchors[:, -1] == 0).all()
    _, params = made(small, biases=False)
    assert (params.anchors > 0).all()


def test_the_start_of_anchors_and_transform_is_a_setting(small):
    _, params = made(small, anchors_start="signed_basis", transform_stddev=1e-3)
    assert params.anchors.tolist() == [
        [1, 0, 0, 0, 0],
        [-1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
    ]
    assert 0 < params.transform.max() < 1e-2


def test_tables_start_as_small_as_asked(small):
    for method in ("full", "sparse_cbow", "slimming", "hashing"):
        _, params = made(small, method=method, table_stddev=1e-4)
        assert (params[0] > 0).all()
        assert params[0].max() < 1e-3
