"""Settings that every training program has."""

import dataclasses
from typing import ClassVar, Literal

from experiments.runner import groups
from experiments.runner.settings import SettingError, Settings

# What becomes of a table once it is trained: entries are pruned, or it is made into
# one of another kind. All others are shipped as they are.
SPARSE = (
    "ant",
    "nbant",
    "anchor_mixture",
    "sparse_cbow",
    "slimming",
    "sparse_vd",
    "sparse_vd_voc",
)
CONDENSED = ("group_lasso", "vvd", "sparse_coding", "product_quantization")
METHODS = (
    "ant",
    "nbant",
    "anchor_mixture",
    "cluster",
    "cluster_adjustment",
    "mixed_cluster",
    "full",
    "low_rank",
    "mixed_dimension",
    "hashing",
    "hash_embedding",
    "quotient_remainder",
    "most_frequent",
    "tf_idf",
    "sparse_cbow",
    "slimming",
    "group_lasso",
    "vvd",
    "sparse_vd",
    "sparse_vd_voc",
    "sparse_coding",
    "product_quantization",
)


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Settings):
    """One training run; what two runs differ in, their results may differ in.

    A program adds its own settings, and what it demands of them, in a subclass.

    Raises:
      SettingError: a setting is not what it must be; the message names it.
    """

    # The setting that says how many anchors each table of the model has.
    ANCHORS: ClassVar[dict[str, str]] = {}

    dataset: str = groups.data("", "Name of the data set.")
    data_dir: str | None = groups.data(
        None, "Folder of the data set's files, or a file."
    )

    method: str = groups.embedding("ant", "Embedding method.", choices=METHODS)
    features: int = groups.embedding(16, "Length d of an embedding vector.", at_least=1)
    table_start: str = groups.embedding(
        "normal", "Start of tables without anchors.", choices=("normal", "half_normal")
    )
    table_stddev: float = groups.embedding(
        0.1, "Standard deviation of that start.", above=0
    )

    anchors_start: str = groups.anchors(
        "half_normal",
        "Start of A: random, or the axes and their opposites (signed_basis).",
        choices=("normal", "half_normal", "signed_basis"),
    )
    anchors_stddev: float | None = groups.anchors(
        None,
        "Standard deviation of a random A; if not given, 1 (normal) or sqrt(2 / "
        "anchors) (half_normal).",
        above=0,
    )
    transform_stddev: float | None = groups.anchors(
        None,
        "Standard deviation of the half-normal start of T; sqrt(2 / rows) if not "
        "given.",
        above=0,
    )
    l1: float = groups.anchors(
        1e-4, "Weight of the penalty on T, the papers' lambda_2.", at_least=0
    )
    l1_warmup_steps: int = groups.anchors(
        0, "Steps over which the penalty rises from 0.", at_least=0
    )
    metric: Literal["adaptive", "euclidean"] = groups.anchors(
        "adaptive", "Metric of the proximal step.", choices=("adaptive", "euclidean")
    )
    penalty: str = groups.anchors(
        "l1", "Penalty on T.", choices=("l1", "minimax_concave", "hard")
    )
    concavity: float = groups.anchors(
        1e4, "The minimax concave penalty ends at concavity * l1.", above=0
    )
    penalty_power: float = groups.anchors(
        0.0, "Weigh an object's penalty by its number of occurrences to this power."
    )
    mixture_anchors: int = groups.anchors(
        5,
        "Anchors of the second set; frequent objects pick among them.",
        at_least=1,
        methods=("anchor_mixture",),
    )

    max_anchors: int = groups.nbant(
        32, "Room for the anchors of each table.", at_least=1
    )
    anchor_cost: float = groups.nbant(
        1e-2,
        "Price of an anchor with its first entry, the papers' lambda_1.",
        at_least=0,
    )
    nonzero_cost: float | None = groups.nbant(
        None, "Price of a non-zero in the objective; l1 if not given."
    )
    anchor_step: int = groups.nbant(1, "Anchors that come or go at a time.", at_least=1)
    trend: Literal["monotone", "slope"] = groups.nbant(
        "monotone", "Kind of trend.", choices=("monotone", "slope")
    )
    trend_window: int = groups.nbant(3, "Objectives that make a trend.", at_least=2)
    trend_tolerance: float = groups.nbant(
        0.0,
        "Relative change of the objective that counts as none.",
        at_least=0,
        below=1,
    )
    trend_delay: int = groups.nbant(
        0, "Epochs at the start in which no anchors come or go.", at_least=0
    )
    trend_warmup: int = groups.nbant(
        2, "Epochs at the start after which anchors come.", at_least=0
    )
    anchors_move: Literal["together", "apart", "both"] = groups.nbant(
        "together",
        "How the numbers of anchors of several tables move.",
        choices=("together", "apart", "both"),
    )
    removed_anchors_shrink: bool = groups.nbant(
        False, "Let T of removed anchors shrink on, as published."
    )

    clusters: int = groups.clusters(10, "Number of clusters.", at_least=1)
    adjustment_features: int = groups.clusters(
        1,
        "Features that are an object's own.",
        at_least=1,
        methods=("cluster_adjustment",),
    )
    temperature: float = groups.clusters(0.9, "Gumbel-softmax temperature.", above=0)
    temperature_halving_steps: int = groups.clusters(
        0, "Steps in which the temperature halves; 0: never.", at_least=0
    )
    temperature_end: float = groups.clusters(0.1, "Lowest temperature.", above=0)
    straight_through: bool = groups.clusters(
        False, "One-hot samples with soft derivatives."
    )

    rank: int = groups.baselines(
        4, "Number of directions.", at_least=1, methods=("low_rank",)
    )
    num_hashes: int = groups.baselines(
        1,
        "Rows that are summed for an object.",
        at_least=1,
        methods=("hashing", "hash_embedding"),
    )
    buckets: int | None = groups.baselines(
        None,
        "Shared vectors of a table.",
        at_least=1,
        methods=("hashing", "hash_embedding", "quotient_remainder"),
    )
    table_share: float = groups.baselines(
        0.25,
        "The same as a share of the objects, where buckets is not given.",
        above=0,
        at_most=1,
    )
    mixed_temperature: float = groups.baselines(
        0.6,
        "Power of its frequency that a block's length follows.",
        at_least=0,
        methods=("mixed_dimension",),
    )
    mixed_blocks: int = groups.baselines(
        8, "Number of blocks.", at_least=1, methods=("mixed_dimension",)
    )
    mixed_first: int | None = groups.baselines(
        None,
        "Vector length in the first block; the features, if not given.",
        methods=("mixed_dimension",),
    )
    kept_objects: int = groups.baselines(
        500,
        "Objects with vectors of their own.",
        at_least=1,
        methods=("most_frequent", "tf_idf", "mixed_cluster"),
    )
    group_lasso: float = groups.baselines(
        1e-5, "Weight of the rows' lengths.", at_least=0, methods=("group_lasso",)
    )
    kl_weight: float = groups.baselines(
        1.0,
        "Weight of the divergence.",
        at_least=0,
        methods=("vvd", "sparse_vd", "sparse_vd_voc"),
    )
    kl_warmup_steps: int = groups.baselines(
        0,
        "Steps over which that weight rises from 0.",
        at_least=0,
        methods=("vvd", "sparse_vd", "sparse_vd_voc"),
    )
    code_l1: float = groups.baselines(
        0.1, "Penalty of the codes.", above=0, methods=("sparse_coding",)
    )
    code_groups: int = groups.baselines(
        8, "Parts of a vector.", at_least=1, methods=("product_quantization",)
    )
    codes: int = groups.baselines(
        16, "Vectors of each part.", at_least=1, methods=("product_quantization",)
    )

    prune_tolerance: float = groups.pruning(
        1e-3, "Relative validation loss that pruning may cost.", at_least=0
    )
    prune_by: str = groups.pruning(
        "length",
        "Worth of an entry: the length that it adds, or the curvature of the loss; "
        "anchor_mixture always goes by length.",
        choices=("length", "curvature"),
    )
    budgets: tuple[int, ...] = groups.pruning(
        (), "Embedding parameters to prune down to, falling: 50000,20000.", at_least=1
    )
    prune_ratio: float = groups.pruning(
        1e9, "Largest size reduction per pruning round.", above=1
    )
    refit_epochs: int = groups.pruning(
        4, "Epochs of training after each pruning.", at_least=0
    )
    refit_learning_rate: float = groups.pruning(
        2e-3,
        "Learning rate of that training at its start; it halves every epoch.",
        above=0,
    )
    refit_l1: float = groups.pruning(
        0.0, "Weight of the penalty in that training.", at_least=0
    )

    learning_rate: float = groups.training(
        1e-2, "Learning rate of Yogi at the start.", above=0
    )
    halving_steps: int = groups.training(
        100_000, "Steps between halvings of the learning rate; 0: never.", at_least=0
    )
    lazy_rows: bool = groups.training(
        True, "Update the rows of a table only when a batch reads them; same result."
    )
    slot_dtype: str = groups.training(
        "float32",
        "Dtype of the optimizer's state of lazy rows.",
        choices=("float32", "bfloat16"),
    )
    clip_norm: float | None = groups.training(
        None, "Largest global norm of the gradients; any if not given.", above=0
    )
    batch_size: int = groups.training(32, "Examples a step.", at_least=1)
    epochs: int = groups.training(
        50, "Most passes over the training examples.", at_least=1
    )
    patience: int = groups.training(
        5,
        "Epochs without a better validation score after which training ends.",
        at_least=1,
    )
    seed: int = groups.training(0, "Seed of split, start and shuffles.", at_least=0)

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
