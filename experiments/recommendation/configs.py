"""Settings of the recommendation program."""

import dataclasses
import math
from typing import Any, ClassVar

from experiments.runner import groups
from experiments.runner.config import CONDENSED, TrainingConfig
from experiments.runner.config import METHODS as ALL_METHODS
from experiments.runner.settings import SettingError, again

# Not those that need documents, nor those that shrink one table at a time.
METHODS = tuple(
    method
    for method in ALL_METHODS
    if method not in ("tf_idf", "sparse_vd", "sparse_vd_voc", *CONDENSED)
)


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """One training run of the recommender."""

    ANCHORS: ClassVar[dict[str, str]] = {
        "users": "user_anchors",
        "items": "item_anchors",
    }

    dataset: str = again(TrainingConfig, "dataset", "movielens_small")
    rating_range: tuple[float, float] | None = groups.data(
        None, "Smallest and largest rating of a csv, 1,5; any number if not given."
    )
    seen_only: bool = groups.data(
        False, "Validate and test only on users and items that are in training."
    )

    method: str = again(TrainingConfig, "method", "ant", choices=METHODS)
    features: int = again(
        TrainingConfig,
        "features",
        16,
        help="Length d of an embedding vector, without its bias.",
    )
    biases: bool = groups.embedding(False, "Add a bias per user and item.")
    table_start: str = again(TrainingConfig, "table_start", "half_normal")
    table_stddev: float = again(TrainingConfig, "table_stddev", 1e-5)

    user_anchors: int = groups.anchors(
        15, "Anchors of the users (nbant: at the start).", at_least=1
    )
    item_anchors: int = groups.anchors(
        15, "Anchors of the items (nbant: at the start).", at_least=1
    )
    warm_start_epochs: int = groups.anchors(
        0,
        "Epochs of a full table, from which T starts; needs signed_basis.",
        at_least=0,
    )
    warm_start_learning_rate: float = groups.anchors(
        1e-2, "Learning rate of these epochs.", above=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_range()
        if self.warm_start_epochs:
            self._check_warm_start()

    def _check_range(self) -> None:
        limits = self.rating_range
        if limits is not None and (
            len(limits) != 2 or not all(map(math.isfinite, limits))
        ):
            raise SettingError(
                f"rating_range must be two numbers like 1,5, got {limits!r}."
            )

    def _check_warm_start(self) -> None:
        if self.method != "ant" or self.anchors_start != "signed_basis":
            raise SettingError(
                "A warm start is for --method=ant --anchors_start=signed_basis."
            )
        width = self.features + self.biases
        for name in self.ANCHORS.values():
            if getattr(self, name) != 2 * width:
                raise SettingError(
                    f"A warm start needs two anchors for each of the {width} features "
                    f"(the bias is one): set --{name}={2 * width}, not "
                    f"{getattr(self, name)}."
                )


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
        user_anchors=5, item_anchors=10, budgets=(10_800,)
    ),
    "movielens_1m_tuned": tuned_ant(),
}
