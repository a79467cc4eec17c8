"""Settings of the text classification program."""

import dataclasses
from typing import Any, ClassVar

from experiments.data import TOKENIZERS
from experiments.runner.config import TrainingConfig
from experiments.runner.settings import SettingError, again, setting
from experiments.text_classification.input_pipeline import VALIDATION_SPLITS

# Methods with a number for every word and anchor, and methods that train a whole table.
ANCHORED = ("ant", "anchor_mixture", "cluster", "cluster_adjustment", "mixed_cluster")
TABLES = ("full", "group_lasso", "sparse_coding", "product_quantization")
CLASSED = (*ANCHORED, *TABLES)  # their words may start from the classes
WORD_CHOICES = ("frequency", "tf_idf", "kmeans", "frequency_kmeans", "coreset")
ANCHOR_CHOICES = ("random", *WORD_CHOICES, "classes")


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """One training run of the classifier."""

    ANCHORS: ClassVar[dict[str, str]] = {"embedding": "anchors"}

    dataset: str = again(TrainingConfig, "dataset", "r8")
    tokenizer: str = setting(
        "treebank", "How a text becomes words.", group="data", choices=tuple(TOKENIZERS)
    )
    titles: bool = setting(
        False, "Read a text's title too, where it has one.", group="data"
    )
    length: int = setting(
        100,
        "Tokens of a text that are read; the rest is cut off. At least 5, the widest "
        "filter.",
        group="data",
        at_least=5,
    )
    max_words: int | None = setting(
        None, "Most words in the vocabulary.", group="data", at_least=1
    )
    min_count: int = setting(
        1,
        "Occurrences in training that a word of the vocabulary needs.",
        group="data",
        at_least=1,
    )
    validation_share: float = setting(
        0.1, "Share of training to validate on.", group="data", above=0, below=1
    )
    validation_split: str = setting(
        "random",
        "How that share is taken; contiguous: neighbouring texts of every class, for "
        "data in which neighbours are alike.",
        group="data",
        choices=VALIDATION_SPLITS,
    )
    split_seed: int | None = setting(
        None,
        "Seed of the validation split alone; --seed if not given.",
        group="data",
        at_least=0,
    )

    features: int = again(TrainingConfig, "features", 64)

    anchors: int = setting(
        20, "Number of anchors (nbant: at the start).", group="anchors", at_least=1
    )
    anchors_start: str = again(TrainingConfig, "anchors_start", "normal")
    anchors_choice: str = setting(
        "random",
        "Start of the anchors: random vectors; words, chosen by their counts or in the "
        "space of their co-occurrence; or the classes.",
        group="anchors",
        choices=ANCHOR_CHOICES,
    )
    class_smoothing: float = setting(
        50.0,
        "Texts without a class that are added to every word's (classes as anchors).",
        group="anchors",
        above=0,
    )
    class_scale: float = setting(
        0.3,
        "Entry of T for a relevance of 1 (classes as anchors).",
        group="anchors",
        above=0,
    )
    relations: str = setting(
        "none",
        "Words whose entries at a related anchor have no penalty; needs anchors that "
        "are words.",
        group="relations",
        choices=("none", "cooccurrence", "wordnet"),
    )
    wordnet_dir: str | None = setting(
        None, "Folder of the WordNet 3.0 database.", group="relations"
    )
    related_words: int = setting(
        10,
        "Most related words of each word (cooccurrence).",
        group="relations",
        at_least=1,
    )
    negative_weight: float = setting(
        0.0,
        "Weight of the overlap of words that are opposites in WordNet.",
        group="relations",
        at_least=0,
    )
    negative_pairs: int = setting(
        256, "Pairs of opposites that a step looks at.", group="relations", at_least=1
    )
    orthogonality: float = setting(
        0.0, "Weight of the anchors' orthogonality.", group="relations", at_least=0
    )

    buckets: int | None = again(TrainingConfig, "buckets", 500)

    encoder: str = setting(
        "cnn", "Network that reads the words.", group="encoder", choices=("cnn", "lstm")
    )
    filters: int = setting(
        100,
        "Filters of each of the widths 3, 4 and 5 (cnn).",
        group="encoder",
        at_least=1,
    )
    hidden: int = setting(50, "Units of the state (lstm).", group="encoder", at_least=1)
    dropout: float = setting(
        0.5,
        "Share of the features of a text to drop.",
        group="encoder",
        at_least=0,
        below=1,
    )
    fold: bool = setting(
        True,
        "Apply the first layer to the anchors where that is less work; same result.",
        group="encoder",
    )

    prune_by: str = again(TrainingConfig, "prune_by", "curvature")
    prune_ratio: float = again(TrainingConfig, "prune_ratio", 2.0)
    refit_epochs: int = again(TrainingConfig, "refit_epochs", 2)
    l1: float = again(TrainingConfig, "l1", 1e-5)
    halving_steps: int = again(TrainingConfig, "halving_steps", 0)
    lazy_rows: bool = again(TrainingConfig, "lazy_rows", False)
    batch_size: int = again(TrainingConfig, "batch_size", 64)
    epochs: int = again(TrainingConfig, "epochs", 10)
    patience: int = again(TrainingConfig, "patience", 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, unused in _OF_ANT.items():
            if self.method != "ant" and getattr(self, name) != unused:
                raise SettingError(f"{name} is for --method=ant, not {self.method}.")
        methods = CLASSED if self.anchors_choice == "classes" else ("ant",)
        if self.anchors_choice != "random" and self.method not in methods:
            raise SettingError(
                f"anchors_choice {self.anchors_choice} is for --method "
                f"{', '.join(methods)}, not {self.method}."
            )
        if self.relations != "none" and self.anchors_choice not in WORD_CHOICES:
            raise SettingError(
                "Relations need anchors that are words: set --anchors_choice to "
                f"{', '.join(WORD_CHOICES)}."
            )
        if self.relations == "wordnet" and not self.wordnet_dir:
            raise SettingError("Relations of WordNet need its folder: --wordnet_dir.")
        if self.negative_weight and self.relations != "wordnet":
            raise SettingError("Opposites are in WordNet: set --relations=wordnet.")


# Settings that only ANT has, and their values where they say nothing.
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
        method="mixed_cluster", clusters=100, kept_objects=1000
    ),
}
