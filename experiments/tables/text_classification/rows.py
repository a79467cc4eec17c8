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
_WORDS = {"r8": 19, "r52": 21, "20ng": 71, "ag_news_32k": 37, "imdb": 75}
_SMALL = {"tokenizer": "whitespace", "epochs": 8, "patience": 2}
_LARGE = {"learning_rate": 5e-3, "epochs": 3, "patience": 1, "refit_epochs": 1}
_SETTINGS: dict[str, dict[str, Any]] = {
    "r8": _SMALL,
    "r52": _SMALL,
    "20ng": _SMALL,
    "ag_news_32k": _LARGE | {"length": 64},  # of 100 texts 99 are shorter
    # Reviews of a film are neighbours, and the films of the test split are others: what
    # few texts say of a word, which may be the name of a film, is not to be relied on.
    "imdb": _LARGE | {"validation_split": "contiguous", "class_smoothing": 1000.0},
}
DATASETS = tuple(_SETTINGS)
# An anchor a class, and ten where classes are fewer.
_ANCHORS = {"r52": 52, "20ng": 20}
_CLASSES = {"anchors_choice": "classes", "anchors_stddev": 0.3}


def budgets(dataset: str) -> tuple[int, ...]:
    """Embedding parameters that the methods are compared at, falling."""
    full = _WORDS[dataset] * 1000 * _FEATURES
    return tuple(round(full * share) for share in SHARES)


def rows(dataset: str) -> dict[str, Config]:
    """Config by row; the method of a row is that of its config."""
    limits = budgets(dataset)
    anchors = _ANCHORS.get(dataset, 10)

    def row(method: str, **changes: Any) -> Config:
        settings: dict[str, Any] = {
            "dataset": dataset,
            "method": method,
            "features": _FEATURES,
            "split_seed": 0,
            "prune_ratio": 5.0,  # a round, and with it a refit, for each budget
        }
        return Config(**(settings | _SETTINGS[dataset] | changes))

    clusters = {
        "clusters": 2 * anchors,
        "table_stddev": 0.3,
        "class_smoothing": 1.0,
        "straight_through": True,
        **_CLASSES,
    }

    def kept(share: float) -> int:
        return limits[SHARES.index(share)] // _FEATURES

    configs = {
        "full": row("full"),
        "full_classes": row("full", **_CLASSES),
        "ant": row("ant", budgets=limits),
        "ant_classes": row("ant", anchors=anchors, l1=1e-4, budgets=limits, **_CLASSES),
        "anchor_mixture_classes": row(
            "anchor_mixture",
            anchors=anchors,
            mixture_anchors=10,
            class_smoothing=50.0,
            budgets=limits[:2],
            table_stddev=0.3,
            **_CLASSES,
        ),
        "cluster_classes": row("cluster", **clusters),
        "cluster_adjustment_classes": row("cluster_adjustment", **clusters),
        "mixed_cluster_classes_2": row(
            "mixed_cluster", **clusters, kept_objects=kept(0.02) - 2 * anchors
        ),
        "group_lasso": row(
            "group_lasso", group_lasso=3e-3, metric="euclidean", budgets=limits
        ),
        "vvd": row("vvd", budgets=limits),
        "sparse_vd": row("sparse_vd", kl_weight=0.1, budgets=limits),
        "sparse_vd_voc": row("sparse_vd_voc", kl_weight=0.1, budgets=limits),
        "sparse_coding": row("sparse_coding", anchors=50, budgets=limits),
        # All 256 codes of a part are within the second budget already.
        "product_quantization": row(
            "product_quantization", codes=256, budgets=limits[1:]
        ),
        "tf_idf_2": row("tf_idf", kept_objects=kept(0.02) - 1),
        "hashing_5": row("hashing", buckets=kept(0.05)),
    }
    for share in SHARES:
        name = f"most_frequent_{100 * share:g}"
        configs[name] = row("most_frequent", kept_objects=kept(share) - 1)
    # Two weights a word, which the largest budget alone has room for.
    weights = 2 * 1000 * (_WORDS[dataset] + 1)
    configs["hash_embedding_5"] = row(
        "hash_embedding", buckets=(limits[0] - weights) // _FEATURES
    )
    return configs
