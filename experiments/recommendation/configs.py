"""Settings of the recommendation program."""

import dataclasses
import math
from typing import Any

from experiments.config_flags import setting

METHODS = ("ant", "full")


@dataclasses.dataclass(frozen=True)
class Config:
    """One training run; what two runs differ in, their results may differ in."""

    dataset: str = setting("movielens_small", "Name of the ratings data set.")
    data_dir: str | None = setting(None, "Folder of the data set's files.")
    method: str = setting("ant", "Embedding of users and items: ant or full.")
    features: int = setting(16, "Length d of an embedding vector.")
    user_anchors: int = setting(15, "Anchors of the users.")
    item_anchors: int = setting(15, "Anchors of the items.")
    anchors_stddev: float | None = setting(
        None, "Deviation of the half-normal start of A; sqrt(2 / anchors) if not given."
    )
    full_stddev: float = setting(
        1e-5, "Deviation of the half-normal start of the full table."
    )
    biases: bool = setting(False, "Give every user and item a bias of its own.")
    l1: float = setting(1e-4, "Weight of the penalty on T, the papers' lambda_2.")
    l1_warmup_steps: int = setting(0, "Steps over which the penalty rises from 0.")
    prune_tolerance: float = setting(
        1e-3, "Share by which dropping ripples of T may raise the validation error."
    )
    max_emb_params: int | None = setting(
        None, "Embedding parameters to prune down to; no limit if not given."
    )
    refit_epochs: int = setting(4, "Epochs without penalty on what pruning left of T.")
    refit_learning_rate: float = setting(
        2e-3, "Learning rate of the refit at its start; it halves every epoch."
    )
    metric: str = setting("adaptive", "Metric of the prox: adaptive or euclidean.")
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
        if self.method not in METHODS:
            raise ValueError(
                f"Unknown method {self.method!r}; known ones: {', '.join(METHODS)}."
            )
        if self.metric not in ("adaptive", "euclidean"):
            raise ValueError(
                f"metric must be adaptive or euclidean, got {self.metric!r}."
            )
        if self.slot_dtype not in ("float32", "bfloat16"):
            raise ValueError(
                f"slot_dtype must be float32 or bfloat16, got {self.slot_dtype!r}."
            )
        if self.slot_dtype != "float32" and not self.lazy_rows:
            raise ValueError("slot_dtype bfloat16 needs lazy rows: drop --nolazy_rows.")
        at_least_one = ("features", "user_anchors", "item_anchors", "batch_size")
        for name in (*at_least_one, "epochs", "patience"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("l1_warmup_steps", "halving_steps", "refit_epochs", "seed"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in (
            "learning_rate",
            "refit_learning_rate",
            "anchors_stddev",
            "full_stddev",
        ):
            value = getattr(self, name)
            positive = value is None or 0 < value < math.inf
            _require(self, name, positive, "a finite number above 0")
        for name in ("l1", "prune_tolerance"):
            value = getattr(self, name)
            _require(self, name, 0 <= value < math.inf, "a finite number, at least 0")


def _require(config: Config, name: str, holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {what}, got {getattr(config, name)!r}.")


def _movielens_1m(**changes: Any) -> Config:
    """Tables 10 and 14 of Anchor & Transform, but for the warm-up of the penalty."""
    return Config(
        dataset="movielens_1m", l1_warmup_steps=100_000, patience=6, **changes
    )


CONFIGS = {
    "quickstart": Config(),
    "movielens_1m_full": _movielens_1m(method="full"),
    "movielens_1m_ant_120_8": _movielens_1m(user_anchors=120, item_anchors=8),
    "movielens_1m_ant_15_15": _movielens_1m(user_anchors=15, item_anchors=15),
    "movielens_1m_ant_5_10": _movielens_1m(
        user_anchors=5, item_anchors=10, max_emb_params=11_900
    ),
}
