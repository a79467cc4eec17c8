"""Settings of the text classification program."""

import dataclasses
from typing import Any, ClassVar

from experiments.data import TOKENIZERS
from experiments.runner import groups
from experiments.runner.config import TrainingConfig
from experiments.runner.settings import SettingError, again
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
    tokenizer: str = groups.data(
        "treebank", "How a text becomes words.", choices=tuple(TOKENIZERS)
    )
    titles: bool = groups.data(False, "Read a text's title too, where it has one.")
    length: int = groups.data(
        100,
        "Tokens of a text that are read; the rest is cut off. At least 5, the widest "
        "filter.",
        at_least=5,
    )
    max_words: int | None = groups.data(
        None, "Most words in the vocabulary.", at_least=1
    )
    min_count: int = groups.data(
        1, "Occurrences in training that a word of the vocabulary needs.", at_least=1
    )
    validation_share: float = groups.data(
        0.1, "Share of training to validate on.", above=0, below=1
    )
    validation_split: str = groups.data(
        "random",
        "How that share is taken; contiguous: neighbouring texts of every class, for "
        "data in which neighbours are alike.",
        choices=VALIDATION_SPLITS,
    )
    split_seed: int | None = groups.data(
        None, "Seed of the validation split alone; --seed if not given.", at_least=0
    )

    features: int = again(TrainingConfig, "features", 64)

    anchors: int = groups.anchors(
        20, "Number of anchors (nbant: at the start).", at_least=1
    )
    anchors_start: str = again(TrainingConfig, "anchors_start", "normal")
    anchors_choice: str = groups.anchors(
        "random",
        "Start of the anchors: random vectors; words, chosen by their counts or in "
        "the space of their co-occurrence; or the classes.",
        choices=ANCHOR_CHOICES,
    )
    class_smoothing: float = groups.anchors(
        50.0,
        "Texts without a class that are added to every word's (classes as anchors).",
        above=0,
    )
    class_scale: float = groups.anchors(
        0.3, "Entry of T for a relevance of 1 (classes as anchors).", above=0
    )
    relations: str = groups.relations(
        "none",
        "Words whose entries at a related anchor have no penalty; needs anchors that "
        "are words.",
        choices=("none", "cooccurrence", "wordnet"),
    )
    wordnet_dir: str | None = groups.relations(
        None, "Folder of the WordNet 3.0 database."
    )
    related_words: int = groups.relations(
        10, "Most related words of each word (cooccurrence).", at_least=1
    )
    negative_weight: float = groups.relations(
        0.0, "Weight of the overlap of words that are opposites in WordNet.", at_least=0
    )
    negative_pairs: int = groups.relations(
        256, "Pairs of opposites that a step looks at.", at_least=1
    )
    orthogonality: float = groups.relations(
        0.0, "Weight of the anchors' orthogonality.", at_least=0
    )

    buckets: int | None = again(TrainingConfig, "buckets", 500)

    encoder: str = groups.encoder(
        "cnn", "Network that reads the words.", choices=("cnn", "lstm")
    )
    filters: int = groups.encoder(
        100, "Filters of each of the widths 3, 4 and 5 (cnn).", at_least=1
    )
    hidden: int = groups.encoder(50, "Units of the state (lstm).", at_least=1)
    dropout: float = groups.encoder(
        0.5, "Share of the features of a text to drop.", at_least=0, below=1
    )
    fold: bool = groups.encoder(
        True,
        "Apply the first layer to the anchors where that is less work; same result.",
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


CONFIGS = {
    "quickstart": Config(),
    "ag_news_cnn_full": _cnn(method="full"),
    "ag_news_cnn_ant": _cnn(anchors=10),
}
