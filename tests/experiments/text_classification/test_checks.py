"""Sizes that a vocabulary has no room for."""

import dataclasses

import pytest

from experiments.runner.config import METHODS
from experiments.runner.methods import check_sizes

# The largest that fits 55 words, and what is said of one more.
LIMITS = [
    ("ant", "anchors", 55),
    ("anchor_mixture", "anchors", 55),
    ("anchor_mixture", "mixture_anchors", 55),
    ("cluster", "clusters", 55),
    ("cluster_adjustment", "clusters", 55),
    ("mixed_cluster", "kept_objects", 47),
    ("mixed_cluster", "clusters", 30),
    ("most_frequent", "kept_objects", 55),
    ("tf_idf", "kept_objects", 55),
    ("sparse_coding", "anchors", 55),
    ("product_quantization", "codes", 55),
]


@pytest.mark.parametrize(("method", "name", "most"), LIMITS)
def test_more_than_there_are_words_is_refused(method, name, most, small):
    config = dataclasses.replace(small, method=method, **{name: most})
    check_sizes(config, 55)
    config = dataclasses.replace(config, **{name: 56})
    with pytest.raises(ValueError, match=f"{name} must be at most .* are 55 objects"):
        check_sizes(config, 55)


def test_parts_of_a_vector_are_of_one_length(small):
    config = dataclasses.replace(small, method="product_quantization", code_groups=3)
    with pytest.raises(ValueError, match="a divisor of the 8 features, got 3"):
        check_sizes(config, 55)
    check_sizes(dataclasses.replace(config, method="ant"), 55)


def test_the_small_settings_fit(small):
    for method in METHODS:
        check_sizes(dataclasses.replace(small, method=method), 55)
