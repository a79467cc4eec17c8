"""Settings that every training program has."""

import dataclasses
from typing import ClassVar, Literal

from experiments.runner.methods import METHODS
from experiments.runner.settings import SettingError, Settings, setting


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Settings):
    """One training run; what two runs differ in, their results may differ in.

    A program adds its own settings, and what it demands of them, in a subclass.

    Raises:
      SettingError: a setting is not what it must be; the message names it.
    """

    # The setting that says how many anchors each table of the model has.
    ANCHORS: ClassVar[dict[str, str]] = {}

    dataset: str = setting("", "Name of the data set.", group="data")
    data_dir: str | None = setting(
        None, "Folder of the data set's files, or a file.", group="data"
    )

    method: str = setting(
        "ant", "Embedding method.", group="embedding", choices=METHODS
    )
    features: int = setting(
        16, "Length d of an embedding vector.", group="embedding", at_least=1
    )
    table_start: str = setting(
        "normal",
        "Start of tables without anchors.",
        group="embedding",
        choices=("normal", "half_normal"),
    )
    table_stddev: float = setting(
        0.1, "Standard deviation of that start.", group="embedding", above=0
    )

    anchors_start: str = setting(
        "half_normal",
        "Start of A: random, or the axes and their opposites (signed_basis).",
        group="anchors",
        choices=("normal", "half_normal", "signed_basis"),
    )
    anchors_stddev: float | None = setting(
        None,
        "Standard deviation of a random A; if not given, 1 (normal) or sqrt(2 / "
        "anchors) (half_normal).",
        group="anchors",
        above=0,
    )
    transform_stddev: float | None = setting(
        None,
        "Standard deviation of the half-normal start of T; sqrt(2 / rows) if not "
        "given.",
        group="anchors",
        above=0,
    )
    l1: float = setting(
        1e-4,
        "Weight of the penalty on T, the papers' lambda_2.",
        group="anchors",
        at_least=0,
    )
    l1_warmup_steps: int = setting(
        0, "Steps over which the penalty rises from 0.", group="anchors", at_least=0
    )
    metric: str = setting(
        "adaptive",
        "Metric of the proximal step.",
        group="anchors",
        choices=("adaptive", "euclidean"),
    )
    penalty: str = setting(
        "l1",
        "Penalty on T.",
        group="anchors",
        choices=("l1", "minimax_concave", "hard"),
    )
    concavity: float = setting(
        1e4,
        "The minimax concave penalty ends at concavity * l1.",
        group="anchors",
        above=0,
    )
    penalty_power: float = setting(
        0.0,
        "Weigh an object's penalty by its number of occurrences to this power.",
        group="anchors",
    )
    mixture_anchors: int = setting(
        5,
        "Anchors of the second set (anchor_mixture); frequent objects pick among them.",
        group="anchors",
        at_least=1,
    )

    max_anchors: int = setting(
        32, "Room for the anchors of each table.", group="nbant", at_least=1
    )
    anchor_cost: float = setting(
        1e-2,
        "Price of an anchor with its first entry, the papers' lambda_1.",
        group="nbant",
        at_least=0,
    )
    nonzero_cost: float | None = setting(
        None, "Price of a non-zero in the objective; l1 if not given.", group="nbant"
    )
    anchor_step: int = setting(
        1, "Anchors that come or go at a time.", group="nbant", at_least=1
    )
    trend: Literal["monotone", "slope"] = setting(
        "monotone", "Kind of trend.", group="nbant", choices=("monotone", "slope")
    )
    trend_window: int = setting(
        3, "Objectives that make a trend.", group="nbant", at_least=2
    )
    trend_tolerance: float = setting(
        0.0,
        "Relative change of the objective that counts as none.",
        group="nbant",
        at_least=0,
        below=1,
    )
    trend_delay: int = setting(
        0,
        "Epochs at the start in which no anchors come or go.",
        group="nbant",
        at_least=0,
    )
    trend_warmup: int = setting(
        2, "Epochs at the start after which anchors come.", group="nbant", at_least=0
    )
    anchors_move: Literal["together", "apart", "both"] = setting(
        "together",
        "How the numbers of anchors of several tables move.",
        group="nbant",
        choices=("together", "apart", "both"),
    )
    removed_anchors_shrink: bool = setting(
        False,
        "Let T of removed anchors shrink on, as published.",
        group="nbant",
    )

    clusters: int = setting(10, "Number of clusters.", group="clusters", at_least=1)
    adjustment_features: int = setting(
        1,
        "Features that are an object's own (cluster_adjustment).",
        group="clusters",
        at_least=1,
    )
    temperature: float = setting(
        0.9, "Gumbel-softmax temperature.", group="clusters", above=0
    )
    temperature_halving_steps: int = setting(
        0,
        "Steps in which the temperature halves; 0: never.",
        group="clusters",
        at_least=0,
    )
    temperature_end: float = setting(
        0.1, "Lowest temperature.", group="clusters", above=0
    )
    straight_through: bool = setting(
        False, "One-hot samples with soft derivatives.", group="clusters"
    )

    rank: int = setting(
        4, "Number of directions (low_rank).", group="baselines", at_least=1
    )
    num_hashes: int = setting(
        1,
        "Rows that are summed for an object (hashing, hash_embedding).",
        group="baselines",
        at_least=1,
    )
    buckets: int | None = setting(
        None,
        "Shared vectors of a table (hashing, hash_embedding, quotient_remainder).",
        group="baselines",
        at_least=1,
    )
    table_share: float = setting(
        0.25,
        "The same as a share of the objects, where buckets is not given.",
        group="baselines",
        above=0,
        at_most=1,
    )
    mixed_temperature: float = setting(
        0.6,
        "Power of its frequency that a block's length follows (mixed_dimension).",
        group="baselines",
        at_least=0,
    )
    mixed_blocks: int = setting(
        8, "Number of blocks (mixed_dimension).", group="baselines", at_least=1
    )
    mixed_first: int | None = setting(
        None,
        "Vector length in the first block (mixed_dimension); the features, if not "
        "given.",
        group="baselines",
    )
    kept_objects: int = setting(
        500,
        "Objects with vectors of their own (most_frequent, tf_idf, mixed_cluster).",
        group="baselines",
        at_least=1,
    )
    group_lasso: float = setting(
        1e-5,
        "Weight of the rows' lengths (group_lasso).",
        group="baselines",
        at_least=0,
    )
    kl_weight: float = setting(
        1.0,
        "Weight of the divergence (vvd, sparse_vd, sparse_vd_voc).",
        group="baselines",
        at_least=0,
    )
    kl_warmup_steps: int = setting(
        0,
        "Steps over which that weight rises from 0.",
        group="baselines",
        at_least=0,
    )
    code_l1: float = setting(
        0.1, "Penalty of the codes (sparse_coding).", group="baselines", above=0
    )
    code_groups: int = setting(
        8, "Parts of a vector (product_quantization).", group="baselines", at_least=1
    )
    codes: int = setting(
        16,
        "Vectors of each part (product_quantization).",
        group="baselines",
        at_least=1,
    )

    prune_tolerance: float = setting(
        1e-3,
        "Relative validation loss that pruning may cost.",
        group="pruning",
        at_least=0,
    )
    prune_by: str = setting(
        "length",
        "Worth of an entry: the length that it adds, or the curvature of the loss; "
        "anchor_mixture always goes by length.",
        group="pruning",
        choices=("length", "curvature"),
    )
    budgets: tuple[int, ...] = setting(
        (),
        "Embedding parameters to prune down to, falling: 50000,20000.",
        group="pruning",
        at_least=1,
    )
    prune_ratio: float = setting(
        1e9, "Largest size reduction per pruning round.", group="pruning", above=1
    )
    refit_epochs: int = setting(
        4, "Epochs of training after each pruning.", group="pruning", at_least=0
    )
    refit_learning_rate: float = setting(
        2e-3,
        "Learning rate of that training at its start; it halves every epoch.",
        group="pruning",
        above=0,
    )
    refit_l1: float = setting(
        0.0, "Weight of the penalty in that training.", group="pruning", at_least=0
    )

    learning_rate: float = setting(
        1e-2, "Learning rate of Yogi at the start.", group="training", above=0
    )
    halving_steps: int = setting(
        100_000,
        "Steps between halvings of the learning rate; 0: never.",
        group="training",
        at_least=0,
    )
    lazy_rows: bool = setting(
        True,
        "Update the rows of a table only when a batch reads them; same result.",
        group="training",
    )
    slot_dtype: str = setting(
        "float32",
        "Dtype of the optimizer's state of lazy rows.",
        group="training",
        choices=("float32", "bfloat16"),
    )
    batch_size: int = setting(32, "Examples a step.", group="training", at_least=1)
    epochs: int = setting(
        50, "Most passes over the training examples.", group="training", at_least=1
    )
    patience: int = setting(
        5,
        "Epochs without a better validation score after which training ends.",
        group="training",
        at_least=1,
    )
    seed: int = setting(
        0, "Seed of split, start and shuffles.", group="training", at_least=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slot_dtype != "float32" and not self.lazy_rows:
            raise SettingError(
                "slot_dtype bfloat16 needs lazy rows: drop --nolazy_rows."
            )
        falls = sorted(set(self.budgets), reverse=True)
        if list(self.budgets) != falls:
            raise SettingError(f"budgets must fall, got {self.budgets!r}.")
        if self.method == "nbant":
            for name in self.ANCHORS.values():
                if getattr(self, name) > self.max_anchors:
                    raise SettingError(
                        f"max_anchors is {self.max_anchors}, below the "
                        f"{getattr(self, name)} {name} to start with."
                    )
        if self.method == "cluster_adjustment":
            short = self.adjustment_features < self.features
            self.require("adjustment_features", short, "below the features")

    def anchors_of(self, table: str) -> int:
        """How many anchors a table of the model has, at the start for nbANT."""
        return int(getattr(self, self.ANCHORS[table]))
