"""Settings of the recommendation program."""

import dataclasses
import math
from typing import Any

from experiments.config_flags import setting
from experiments.training_config import TrainingConfig

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


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """One training run of the recommender."""

    choices = TrainingConfig.choices | {
        "method": METHODS,
        "penalty": ("l1", "minimax_concave", "hard"),
        "trend": ("monotone", "slope"),
        "anchors_move": ("together", "apart", "both"),
    }
    at_least_one = (
        *TrainingConfig.at_least_one,
        "user_anchors",
        "item_anchors",
        "max_anchors",
        "anchor_step",
        "mixed_blocks",
    )
    at_least_zero = (
        *TrainingConfig.at_least_zero,
        "warm_start_epochs",
        "anchor_cost",
        "trend_tolerance",
        "trend_delay",
        "trend_warmup",
        "mixed_temperature",
    )
    positive = (
        *TrainingConfig.positive,
        "warm_start_learning_rate",
        "full_stddev",
        "table_share",
        "concavity",
    )

    dataset: str = setting("movielens_small", "Name of the ratings data set.")
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
    warm_start_epochs: int = setting(
        0, "Epochs of a full table, from which T starts; needs signed_basis."
    )
    warm_start_learning_rate: float = setting(1e-2, "Learning rate of these epochs.")
    penalty: str = setting("l1", "Penalty on T: l1, minimax_concave or hard.")
    concavity: float = setting(
        1e4, "Of minimax_concave: the penalty ends at concavity * l1."
    )
    penalty_power: float = setting(
        0.0, "Power of an object's number of ratings that its penalty is weighted by."
    )

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
    table_share: float = setting(
        0.25, "Of hashing and quotient_remainder: rows of the table by object."
    )
    mixed_temperature: float = setting(
        0.6, "Of mixed_dimension: power of its frequency that a block's length follows."
    )
    mixed_blocks: int = setting(8, "Of mixed_dimension: number of blocks.")
    mixed_first: int | None = setting(
        None,
        "Of mixed_dimension: length in the first block; the features, if not given.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.rating_limits
        self.require("table_share", self.table_share <= 1, "at most 1")
        finite = math.isfinite(self.penalty_power)
        self.require("penalty_power", finite, "a finite number")
        self.require("trend_window", self.trend_window >= 2, "at least 2")
        self.require("trend_tolerance", self.trend_tolerance < 1, "below 1")
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
