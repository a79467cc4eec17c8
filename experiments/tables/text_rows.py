"""Every method at several sizes on every set of texts: the rows of the tables.

All methods share the encoder, the optimizer, its learning rate, the most epochs and the
early stopping; what belongs to one method alone was chosen on validation splits.
"""

from typing import Any

from experiments.text_classification.configs import Config

# Sizes of the tables as shares of the full one.
SHARES = (0.05, 0.02, 0.005)
_FEATURES = 64
# What differs between the sets: the words, which budgets are shares of, to a thousand.
_WORDS = {"r8": 19, "r52": 21, "20ng": 70, "ag_news_32k": 37, "imdb": 75}
_SMALL = {"tokenizer": "whitespace", "epochs": 10, "patience": 3}
_LARGE = {"learning_rate": 5e-3, "epochs": 5, "patience": 2}
_SETTINGS: dict[str, dict[str, Any]] = {
    "r8": _SMALL,
    "r52": _SMALL,
    "20ng": _SMALL,
    "ag_news_32k": _LARGE | {"length": 64},  # of 100 texts 99 are shorter
    "imdb": _LARGE,
}
DATASETS = tuple(_SETTINGS)


def budgets(dataset: str) -> list[int]:
    """Embedding parameters that the methods are compared at, falling."""
    full = _WORDS[dataset] * 1000 * _FEATURES
    return [round(full * share) for share in SHARES]


def rows(dataset: str) -> dict[str, Config]:
    """Config by row; the method of a row is that of its config."""
    limits = budgets(dataset)
    all_limits = ",".join(map(str, limits))
    vectors = [limit // _FEATURES for limit in limits]

    def row(method: str, **changes: Any) -> Config:
        settings: dict[str, Any] = {
            "dataset": dataset,
            "method": method,
            "features": _FEATURES,
            "prune_ratio": 5.0,  # a round, and with it a refit, for each budget
        }
        return Config(**(settings | _SETTINGS[dataset] | changes))

    configs = {
        "full": row("full"),
        "ant": row("ant", budgets=all_limits),
        "anchor_mixture": row(
            "anchor_mixture",
            anchors=10,
            mixture_anchors=10,
            budgets=all_limits,
        ),
        "cluster_10": row("cluster", clusters=10, table_stddev=0.5),
        "cluster_50": row("cluster", clusters=50, table_stddev=0.5),
        "cluster_adjustment": row("cluster_adjustment", clusters=20),
        "group_lasso": row("group_lasso", budgets=all_limits),
        "vvd": row("vvd", budgets=all_limits),
        "sparse_vd": row("sparse_vd", kl_weight=0.1, budgets=all_limits),
        "sparse_vd_voc": row("sparse_vd_voc", kl_weight=0.1, budgets=all_limits),
        "sparse_coding": row("sparse_coding", anchors=50, budgets=all_limits),
        "product_quantization_16": row("product_quantization", codes=16),
        "product_quantization_256": row("product_quantization", codes=256),
        "low_rank_3": row("low_rank", rank=3),
    }
    for share, limit, fit in zip(SHARES, limits, vectors, strict=True):
        name = f"{100 * share:g}"
        configs[f"mixed_cluster_{name}"] = row(
            "mixed_cluster", clusters=10, kept_words=fit - 10
        )
        configs[f"most_frequent_{name}"] = row("most_frequent", kept_words=fit - 1)
        configs[f"tf_idf_{name}"] = row("tf_idf", kept_words=fit - 1)
        configs[f"hashing_{name}"] = row("hashing", buckets=fit)
        weights = 2 * 1000 * (_WORDS[dataset] + 1)
        if limit > 1.2 * weights:
            left = (limit - weights) // _FEATURES
            configs[f"hash_embedding_{name}"] = row("hash_embedding", buckets=left)
    return configs
