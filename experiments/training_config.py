"""Settings that every training program has, and their checks."""

import dataclasses
import math
from typing import Any, ClassVar

from experiments.config_flags import setting


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One training run; what two runs differ in, their results may differ in.

    A program adds its own settings, and what it demands of them, in a subclass.

    Raises:
      ValueError: a setting is not what it must be; the message names it.
    """

    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "metric": ("adaptive", "euclidean"),
        "anchors_start": ("half_normal", "signed_basis"),
        "prune_by": ("length", "curvature"),
        "slot_dtype": ("float32", "bfloat16"),
    }
    at_least_one: ClassVar[tuple[str, ...]] = (
        "features",
        "rank",
        "num_hashes",
        "batch_size",
        "epochs",
        "patience",
    )
    at_least_zero: ClassVar[tuple[str, ...]] = (
        "l1",
        "l1_warmup_steps",
        "prune_tolerance",
        "refit_l1",
        "halving_steps",
        "refit_epochs",
        "seed",
    )
    positive: ClassVar[tuple[str, ...]] = (
        "learning_rate",
        "refit_learning_rate",
        "anchors_stddev",
        "transform_stddev",
    )

    dataset: str = setting("", "Name of the data set.")
    data_dir: str | None = setting(None, "Folder of the data set's files.")
    method: str = setting("ant", "Method of the embedding.")
    features: int = setting(16, "Length d of an embedding vector.")

    anchors_start: str = setting(
        "half_normal", "Start of A: half_normal, or signed_basis, the axes and back."
    )
    anchors_stddev: float | None = setting(
        None, "Deviation of the half-normal start of A; sqrt(2 / anchors) if not given."
    )
    transform_stddev: float | None = setting(
        None, "Deviation of the half-normal start of T; sqrt(2 / rows) if not given."
    )
    l1: float = setting(1e-4, "Weight of the penalty, the papers' lambda_2.")
    l1_warmup_steps: int = setting(0, "Steps over which the penalty rises from 0.")
    metric: str = setting("adaptive", "Metric of the prox: adaptive or euclidean.")

    rank: int = setting(4, "Of low_rank: number of directions.")
    num_hashes: int = setting(1, "Of hashing: rows that are summed for an object.")

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
    batch_size: int = setting(32, "Examples a step.")
    epochs: int = setting(50, "Most passes over the training examples.")
    patience: int = setting(5, "Epochs without a better validation error to end after.")
    seed: int = setting(0, "Seed of the split, the start and the shuffles.")

    def __post_init__(self) -> None:
        for name, known in self.choices.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"Unknown {name} {value!r}; known ones: {', '.join(known)}."
                )
        if self.slot_dtype != "float32" and not self.lazy_rows:
            raise ValueError("slot_dtype bfloat16 needs lazy rows: drop --nolazy_rows.")
        for name in self.at_least_one:
            self.require(name, getattr(self, name) >= 1, "at least 1")
        for name in self.at_least_zero:
            value = getattr(self, name)
            self.require(name, 0 <= value < math.inf, "finite and at least 0")
        for name in self.positive:
            value = getattr(self, name)
            positive = value is None or 0 < value < math.inf
            self.require(name, positive, "a finite number above 0")
        self.require("prune_ratio", self.prune_ratio > 1, "above 1")
        if self.limits != sorted(set(self.limits), reverse=True):
            raise ValueError(f"budgets must fall, got {self.budgets!r}.")

    def require(self, name: str, holds: bool, what: str) -> None:
        """Refuses a setting.

        Raises:
          ValueError: it does not hold; the message says what the setting must be.
        """
        if not holds:
            raise ValueError(f"{name} must be {what}, got {getattr(self, name)!r}.")

    @property
    def limits(self) -> list[int]:
        """The budgets as numbers.

        Raises:
          ValueError: they are not positive integers with commas between.
        """
        parts: list[Any] = self.budgets.split(",") if self.budgets else []
        if not all(part.strip().isdecimal() and int(part) for part in parts):
            raise ValueError(
                f"budgets must be positive integers with commas, got {self.budgets!r}."
            )
        return [int(part) for part in parts]
