"""Settings of the text classification program."""

import dataclasses
from typing import Any

from experiments.config_flags import setting
from experiments.data import TOKENIZERS
from experiments.text_classification.input_pipeline import VALIDATION_SPLITS
from experiments.training_config import TrainingConfig

# What becomes of the words' table once it is trained:
SPARSE = ("ant", "anchor_mixture", "sparse_vd", "sparse_vd_voc")  # entries are pruned
CONDENSED = ("group_lasso", "vvd", "sparse_coding", "product_quantization")  # another
# Methods with a number for every word and anchor, and methods that train a whole table.
ANCHORED = ("ant", "anchor_mixture", "cluster", "cluster_adjustment", "mixed_cluster")
TABLES = ("full", "group_lasso", "sparse_coding", "product_quantization")
CLASSED = (*ANCHORED, *TABLES)  # their words may start from the classes
METHODS = (
    *CLASSED,
    "most_frequent",
    "tf_idf",
    "vvd",
    "sparse_vd",
    "sparse_vd_voc",
    "hashing",
    "hash_embedding",
    "low_rank",
)
WORD_CHOICES = ("frequency", "tf_idf", "kmeans", "frequency_kmeans", "coreset")
ANCHOR_CHOICES = ("random", *WORD_CHOICES, "classes")


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """One training run of the classifier."""

    choices = TrainingConfig.choices | {
        "method": METHODS,
        "anchors_start": ("normal", "half_normal", "signed_basis"),
        "encoder": ("cnn", "lstm"),
        "tokenizer": tuple(TOKENIZERS),
        "anchors_choice": ANCHOR_CHOICES,
        "validation_split": VALIDATION_SPLITS,
        "relations": ("none", "cooccurrence", "wordnet"),
    }
    at_least_one = (
        *TrainingConfig.at_least_one,
        "anchors",
        "mixture_anchors",
        "clusters",
        "filters",
        "hidden",
        "kept_words",
        "buckets",
        "code_groups",
        "codes",
        "negative_pairs",
        "related_words",
    )
    at_least_zero = (
        *TrainingConfig.at_least_zero,
        "orthogonality",
        "negative_weight",
        "kl_weight",
        "kl_warmup_steps",
        "group_lasso",
        "temperature_halving_steps",
    )
    positive = (
        *TrainingConfig.positive,
        "class_smoothing",
        "class_scale",
        "table_stddev",
        "temperature",
        "temperature_end",
        "code_l1",
    )

    dataset: str = setting("r8", "Name of the data set.")
    tokenizer: str = setting(
        "treebank", f"How a text becomes words: {', '.join(TOKENIZERS)}."
    )
    titles: bool = setting(False, "Read a text's title too, where it has one.")
    length: int = setting(100, "Tokens of a text that are read; the rest is cut off.")
    max_words: int | None = setting(None, "Most words in the vocabulary.")
    min_count: int = setting(1, "Times that a word of the vocabulary is in training.")
    validation_share: float = setting(0.1, "Share of training to validate on.")
    validation_split: str = setting(
        "random",
        "How it is taken: random, or contiguous, of every class texts that stand next "
        "to each other, where neighbours are alike.",
    )
    split_seed: int | None = setting(
        None, "Seed of the validation split alone; --seed if not given."
    )

    method: str = setting("ant", f"Embedding of the words: {', '.join(METHODS)}.")
    features: int = setting(64, "Length d of an embedding vector.")
    table_stddev: float = setting(
        0.1, "Deviation of the normal start of tables without anchors."
    )

    anchors: int = setting(20, "Number of anchors.")
    anchors_start: str = setting(
        "normal", "Start of A: normal, half_normal, or signed_basis, the axes and back."
    )
    anchors_choice: str = setting(
        "random",
        "What the anchors start as: random, words (frequency, tf_idf, kmeans, "
        "frequency_kmeans or coreset, in the space of co-occurrence), or classes.",
    )
    class_smoothing: float = setting(
        50.0, "Of anchors that are classes: texts of no class added to every word's."
    )
    class_scale: float = setting(
        0.3, "Of anchors that are classes: entry of T for a relevance of 1."
    )
    relations: str = setting(
        "none",
        "Words whose entries at a related anchor have no penalty: none, "
        "cooccurrence or wordnet; needs anchors that are words.",
    )
    wordnet_dir: str | None = setting(None, "Folder of the WordNet 3.0 database.")
    related_words: int = setting(10, "Of cooccurrence: most related of each word.")
    negative_weight: float = setting(
        0.0, "Weight of the overlap of words that are opposites in WordNet."
    )
    negative_pairs: int = setting(256, "Pairs of opposites that a step looks at.")
    orthogonality: float = setting(0.0, "Weight of the anchors' orthogonality.")

    mixture_anchors: int = setting(
        5, "Of anchor_mixture: anchors of the second part, whose words are frequent."
    )
    clusters: int = setting(10, "Of the cluster methods: number of clusters.")
    adjustment_features: int = setting(
        1, "Of cluster_adjustment: features that are a word's own."
    )
    temperature: float = setting(0.9, "Of the cluster methods: of Gumbel-softmax.")
    temperature_halving_steps: int = setting(
        0, "Of the cluster methods: steps in which the temperature halves; 0: never."
    )
    temperature_end: float = setting(0.1, "Of the cluster methods: lowest temperature.")
    straight_through: bool = setting(
        False, "Of the cluster methods: one-hot samples with soft derivatives."
    )

    kept_words: int = setting(
        500, "Of most_frequent, tf_idf and mixed_cluster: words with their own vectors."
    )
    buckets: int = setting(500, "Of hashing and hash_embedding: shared vectors.")
    group_lasso: float = setting(1e-5, "Of group_lasso: weight of the rows' lengths.")
    kl_weight: float = setting(1.0, "Of variational dropout: weight of the divergence.")
    kl_warmup_steps: int = setting(
        0, "Of variational dropout: steps over which the weight rises from 0."
    )
    code_l1: float = setting(0.1, "Of sparse_coding: penalty of the codes.")
    code_groups: int = setting(8, "Of product_quantization: parts of a vector.")
    codes: int = setting(16, "Of product_quantization: vectors of each part.")

    encoder: str = setting("cnn", "What reads the words: cnn or lstm.")
    filters: int = setting(100, "Of cnn: filters of each of the widths 3, 4 and 5.")
    hidden: int = setting(50, "Of lstm: units of the state.")
    dropout: float = setting(0.5, "Share of the features of a text to drop.")
    fold: bool = setting(
        True, "Apply the first layer to the anchors where that is less; same result."
    )

    prune_by: str = setting(
        "curvature",
        "What an entry is worth: length (what it adds) or curvature; of "
        "anchor_mixture always length.",
    )
    prune_ratio: float = setting(
        2.0, "Most by which a round of pruning to the limit shortens a table."
    )
    refit_epochs: int = setting(2, "Epochs on what is left, after each pruning.")
    l1: float = setting(1e-5, "Weight of the penalty, the papers' lambda_2.")
    learning_rate: float = setting(1e-2, "Learning rate of Yogi at the start.")
    halving_steps: int = setting(0, "Steps between halvings of the rate; 0: never.")
    lazy_rows: bool = setting(
        False, "Move the rows of a table only when a batch reads them; same result."
    )
    batch_size: int = setting(64, "Texts a step.")
    epochs: int = setting(10, "Most passes over the training texts.")
    patience: int = setting(3, "Epochs without a better validation error to end after.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("length", self.length >= 5, "at least 5, the widest filter")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and below 1")
        seeded = self.split_seed is None or self.split_seed >= 0
        self.require("split_seed", seeded, "at least 0")
        self.require("validation_share", 0 < self.validation_share < 1, "in (0, 1)")
        if self.limits and self.method not in (*SPARSE, *CONDENSED):
            raise ValueError(
                f"budgets are for {', '.join((*SPARSE, *CONDENSED))}, not "
                f"{self.method}."
            )
        if self.method == "cluster_adjustment":
            short = self.adjustment_features < self.features
            self.require("adjustment_features", short, "below the features")
        for name, unused in _OF_ANT.items():
            if self.method != "ant" and getattr(self, name) != unused:
                raise ValueError(f"{name} is for --method=ant, not {self.method}.")
        methods = CLASSED if self.anchors_choice == "classes" else ("ant",)
        if self.anchors_choice != "random" and self.method not in methods:
            raise ValueError(
                f"anchors_choice {self.anchors_choice} is for --method "
                f"{', '.join(methods)}, not {self.method}."
            )
        if self.relations != "none" and self.anchors_choice not in WORD_CHOICES:
            raise ValueError(
                "Relations need anchors that are words: set --anchors_choice to "
                f"{', '.join(WORD_CHOICES)}."
            )
        if self.relations == "wordnet" and not self.wordnet_dir:
            raise ValueError("Relations of WordNet need its folder: --wordnet_dir.")
        if self.negative_weight and self.relations != "wordnet":
            raise ValueError("Opposites are in WordNet: set --relations=wordnet.")


# Settings that only ANT has, and what they are where they say nothing.
_OF_ANT: dict[str, Any] = {
    "relations": "none",
    "negative_weight": 0.0,
    "orthogonality": 0.0,
}


def _cnn(**changes: Any) -> Config:
    """Table 6 of Anchor & Transform, by Yogi, with what is said there of the CNN."""
    settings: dict[str, Any] = {
        "dataset": "ag_news",
        "features": 256,
        "learning_rate": 5e-3,
        "epochs": 40,
    }
    return Config(**(settings | changes))


def _lstm(**changes: Any) -> Config:
    """Chen and Gimpel's classifier of IMDB, by Yogi and, of the clusters, Adam."""
    settings: dict[str, Any] = {
        "dataset": "imdb",
        "tokenizer": "wordpunct",
        "length": 400,
        "max_words": 50_000,
        "validation_share": 0.08,  # 2,000 texts
        "encoder": "lstm",
        "dropout": 0.0,
        "features": 100,
        "learning_rate": 1e-3,
        "batch_size": 20,
        "epochs": 10,
        "patience": 10,
    }
    return Config(**(settings | changes))


CONFIGS = {
    "quickstart": Config(),
    "ag_news_cnn_full": _cnn(method="full"),
    "ag_news_cnn_ant": _cnn(anchors=10),
    "imdb_lstm_full": _lstm(method="full"),
    "imdb_lstm_cluster": _lstm(method="cluster", clusters=100),
    "imdb_lstm_cluster_adjustment": _lstm(
        method="cluster_adjustment", clusters=100, adjustment_features=1
    ),
    "imdb_lstm_mixed_cluster": _lstm(
        method="mixed_cluster", clusters=100, kept_words=1000
    ),
}
