"""Settings of the recommendation program."""

import dataclasses
import math
from typing import Any

from experiments.config_flags import setting

METHODS = (
    "ant",
    "nbant",
    "full",
    "low_rank",
    "mixed_dimension",
    "hashing",
    "quotient_remainder",
    "sparse_cbow",
    "slimming",
)
# Values of the settings that name one of several.
_CHOICES = {
    "method": METHODS,
    "metric": ("adaptive", "euclidean"),
    "anchors_start": ("half_normal", "signed_basis"),
    "penalty": ("l1", "minimax_concave", "hard"),
    "prune_by": ("length", "curvature"),
    "slot_dtype": ("float32", "bfloat16"),
    "trend": ("monotone", "slope"),
    "anchors_move": ("together", "apart", "both"),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """One training run; what two runs differ in, their results may differ in."""

    dataset: str = setting("movielens_small", "Name of the ratings data set.")
    data_dir: str | None = setting(None, "Folder of the data set's files.")
    rating_range: str | None = setting(
        None, "Of csv: smallest and largest rating, 1,5; any number if not given."
    )
    seen_only: bool = setting(
        False, "Validate and test only on users and items that are in training."
    )
    method: str = setting("ant", f"Embedding of users and items: {', '.join(METHODS)}.")
    features: int = setting(16, "Length d of an embedding vector, without its bias.")
    biases: bool = setting(False, "Give every vector a feature more, which is a bias.")

    user_anchors: int = setting(15, "Anchors of the users; of nbant at the start.")
    item_anchors: int = setting(15, "Anchors of the items; of nbant at the start.")
    anchors_start: str = setting(
        "half_normal", "Start of A: half_normal, or signed_basis, the axes and back."
    )
    anchors_stddev: float | None = setting(
        None, "Deviation of the half-normal start of A; sqrt(2 / anchors) if not given."
    )
    transform_stddev: float | None = setting(
        None, "Deviation of the half-normal start of T; sqrt(2 / rows) if not given."
    )
    warm_start_epochs: int = setting(
        0, "Epochs of a full table, from which T starts; needs signed_basis."
    )
    warm_start_learning_rate: float = setting(1e-2, "Learning rate of these epochs.")
    l1: float = setting(1e-4, "Weight of the penalty, the papers' lambda_2.")
    l1_warmup_steps: int = setting(0, "Steps over which the penalty rises from 0.")
    penalty: str = setting("l1", "Penalty on T: l1, minimax_concave or hard.")
    concavity: float = setting(
        1e4, "Of minimax_concave: the penalty ends at concavity * l1."
    )
    penalty_power: float = setting(
        0.0, "Power of an object's number of ratings that its penalty is weighted by."
    )
    metric: str = setting("adaptive", "Metric of the prox: adaptive or euclidean.")

    anchor_cost: float = setting(
        1e-2, "Of nbant: price of an anchor with its first entry, the papers' lambda_1."
    )
    nonzero_cost: float | None = setting(
        None, "Of nbant: price of a non-zero in the objective; l1 if not given."
    )
    max_anchors: int = setting(32, "Of nbant: room for anchors of users, and of items.")
    anchor_step: int = setting(1, "Of nbant: anchors that come or go at a time.")
    trend_window: int = setting(3, "Of nbant: objectives that make a trend.")
    trend_tolerance: float = setting(
        0.0, "Of nbant: relative change of the objective that counts as none."
    )
    trend_delay: int = setting(
        0, "Of nbant: first epochs after which no anchors come or go."
    )
    trend_warmup: int = setting(2, "Of nbant: first epochs after which anchors come.")
    trend: str = setting("monotone", "Of nbant: what a trend is, monotone or slope.")
    anchors_move: str = setting(
        "together", "Of nbant: users' and items' anchors move together, apart or both."
    )
    removed_anchors_shrink: bool = setting(
        False, "Of nbant: let T of removed anchors shrink on, as was published."
    )

    full_stddev: float = setting(
        1e-5, "Deviation of the half-normal start of tables without anchors."
    )
    rank: int = setting(4, "Of low_rank: number of directions.")
    table_share: float = setting(
        0.25, "Of hashing and quotient_remainder: rows of the table by object."
    )
    num_hashes: int = setting(1, "Of hashing: rows that are summed for an object.")
    mixed_temperature: float = setting(
        0.6, "Of mixed_dimension: power of its frequency that a block's length follows."
    )
    mixed_blocks: int = setting(8, "Of mixed_dimension: number of blocks.")
    mixed_first: int | None = setting(
        None,
        "Of mixed_dimension: length in the first block; the features, if not given.",
    )

    prune_tolerance: float = setting(
        1e-3, "Share by which dropping ripples of T may raise the validation error."
    )
    prune_by: str = setting(
        "length", "What an entry is worth: length (what it adds) or curvature."
    )
    budgets: str | None = setting(
        None, "Embedding parameters to prune down to, one after another: 50000,20000."
    )
    prune_ratio: float = setting(
        1e9, "Most by which a round of pruning to the limit shortens a table."
    )
    refit_epochs: int = setting(4, "Epochs on what is left, after each pruning.")
    refit_learning_rate: float = setting(
        2e-3, "Learning rate of the refit at its start; it halves every epoch."
    )
    refit_l1: float = setting(0.0, "Weight of the penalty in the refit.")

    learning_rate: float = setting(1e-2, "Learning rate of Yogi at the start.")
    halving_steps: int = setting(
        100_000, "Steps between halvings of the rate; 0: never."
    )
    lazy_rows: bool = setting(
        True, "Move the rows of a table only when a batch reads them; same result."
    )
    slot_dtype: str = setting(
        "float32", "Dtype of the optimizer's state of lazy rows: float32 or bfloat16."
    )
    batch_size: int = setting(32, "Ratings a step.")
    epochs: int = setting(50, "Most passes over the training ratings.")
    patience: int = setting(5, "Epochs without a better validation error to end after.")
    seed: int = setting(0, "Seed of the split, the start and the shuffles.")

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"Unknown {name} {value!r}; known ones: {', '.join(known)}."
                )
        _ = self.rating_limits
        if self.slot_dtype != "float32" and not self.lazy_rows:
            raise ValueError("slot_dtype bfloat16 needs lazy rows: drop --nolazy_rows.")
        for name in _AT_LEAST_ONE:
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in _AT_LEAST_ZERO:
            value = getattr(self, name)
            _require(self, name, 0 <= value < math.inf, "finite and at least 0")
        for name in _POSITIVE:
            value = getattr(self, name)
            positive = value is None or 0 < value < math.inf
            _require(self, name, positive, "a finite number above 0")
        _require(self, "prune_ratio", self.prune_ratio > 1, "above 1")
        _require(self, "table_share", self.table_share <= 1, "at most 1")
        finite = math.isfinite(self.penalty_power)
        _require(self, "penalty_power", finite, "a finite number")
        _require(self, "trend_window", self.trend_window >= 2, "at least 2")
        _require(self, "trend_tolerance", self.trend_tolerance < 1, "below 1")
        if self.limits != sorted(set(self.limits), reverse=True):
            raise ValueError(f"budgets must fall, got {self.budgets!r}.")
        if self.method == "nbant":
            for name in ("user_anchors", "item_anchors"):
                if getattr(self, name) > self.max_anchors:
                    raise ValueError(
                        f"max_anchors is {self.max_anchors}, below the "
                        f"{getattr(self, name)} {name} to start with."
                    )
        if self.warm_start_epochs:
            self._check_warm_start()

    def _check_warm_start(self) -> None:
        if self.method != "ant" or self.anchors_start != "signed_basis":
            raise ValueError(
                "A warm start is for --method=ant --anchors_start=signed_basis."
            )
        width = self.features + self.biases
        for name in ("user_anchors", "item_anchors"):
            if getattr(self, name) != 2 * width:
                raise ValueError(
                    f"A warm start needs two anchors for each of the {width} features "
                    f"(the bias is one): set --{name}={2 * width}, not "
                    f"{getattr(self, name)}."
                )

    @property
    def rating_limits(self) -> tuple[float, float] | None:
        """The smallest and the largest rating as numbers.

        Raises:
          ValueError: they are not two finite numbers with a comma between.
        """
        if self.rating_range is None:
            return None
        try:
            low, high = (float(part) for part in self.rating_range.split(","))
        except ValueError:
            low = high = math.nan
        if not math.isfinite(low) or not math.isfinite(high):
            raise ValueError(
                f"rating_range must be two numbers like 1,5, got {self.rating_range!r}."
            )
        return low, high

    @property
    def limits(self) -> list[int]:
        """The budgets as numbers.

        Raises:
          ValueError: they are not positive integers with commas between.
        """
        parts = self.budgets.split(",") if self.budgets else []
        if not all(part.strip().isdecimal() and int(part) for part in parts):
            raise ValueError(
                f"budgets must be positive integers with commas, got {self.budgets!r}."
            )
        return [int(part) for part in parts]


_AT_LEAST_ONE = (
    "features",
    "user_anchors",
    "item_anchors",
    "max_anchors",
    "anchor_step",
    "rank",
    "num_hashes",
    "mixed_blocks",
    "batch_size",
    "epochs",
    "patience",
)
_AT_LEAST_ZERO = (
    "l1",
    "l1_warmup_steps",
    "warm_start_epochs",
    "anchor_cost",
    "trend_tolerance",
    "trend_delay",
    "trend_warmup",
    "prune_tolerance",
    "refit_l1",
    "mixed_temperature",
    "halving_steps",
    "refit_epochs",
    "seed",
)
_POSITIVE = (
    "learning_rate",
    "warm_start_learning_rate",
    "refit_learning_rate",
    "anchors_stddev",
    "transform_stddev",
    "full_stddev",
    "table_share",
    "concavity",
)


def _require(config: Config, name: str, holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {what}, got {getattr(config, name)!r}.")


def _published(**changes: Any) -> Config:
    """Tables 10 and 14 of Anchor & Transform, with a penalty that warms up.

    Neither that nor the pruning and refit at the end are in the paper.
    """
    return Config(
        dataset="movielens_1m",
        l1_warmup_steps=100_000,
        patience=6,
        prune_by="curvature",
        prune_ratio=1.6,
        **changes,
    )


def tuned(**changes: Any) -> Config:
    """Chosen on the validation split of MovieLens 1M; see experiments/tables."""
    settings: dict[str, Any] = {
        "dataset": "movielens_1m",
        "biases": True,
        "batch_size": 256,
        "epochs": 30,
        "patience": 6,
        "halving_steps": 15_000,
    }
    return Config(**(settings | changes))


def tuned_ant(**changes: Any) -> Config:
    """ANT with what the validation split showed to help."""
    settings: dict[str, Any] = {
        "user_anchors": 18,
        "item_anchors": 18,
        "features": 8,
        "anchors_start": "signed_basis",
        "transform_stddev": 1e-4,
        "l1": 2e-5,
        "l1_warmup_steps": 15_000,
        "prune_by": "curvature",
        "prune_ratio": 1.6,
        "refit_epochs": 3,
        "refit_l1": 3e-5,
    }
    return tuned(**(settings | changes))


def tuned_nbant(**changes: Any) -> Config:
    """The same, which chooses its anchors; from 10 of users and of items."""
    settings: dict[str, Any] = {
        "method": "nbant",
        "user_anchors": 10,
        "item_anchors": 10,
        "max_anchors": 24,
        "anchor_step": 2,
        "anchors_move": "both",
        "trend_window": 6,
        "trend_delay": 6,
        "trend_warmup": 0,
        "trend_tolerance": 1e-3,
        "anchor_cost": 5e-4,
        "nonzero_cost": 3e-7,
        "epochs": 60,
        "patience": 60,
        "halving_steps": 40_000,
    }
    return tuned_ant(**(settings | changes))


CONFIGS = {
    "quickstart": Config(
        biases=True, prune_by="curvature", prune_ratio=1.6, refit_epochs=3
    ),
    "movielens_1m_full": _published(method="full"),
    "movielens_1m_ant_120_8": _published(user_anchors=120, item_anchors=8),
    "movielens_1m_ant_15_15": _published(user_anchors=15, item_anchors=15),
    "movielens_1m_ant_5_10": _published(
        user_anchors=5, item_anchors=10, budgets="10800"
    ),
    "movielens_1m_tuned": tuned_ant(),
}
