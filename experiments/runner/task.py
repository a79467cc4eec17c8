"""What a program adds to the runner."""

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from jaxtyping import PRNGKeyArray

from ant_jax.training.evaluate import PerExample
from ant_jax.training.loss import Loss
from experiments.runner.config import TrainingConfig
from experiments.runner.context import Context
from experiments.runner.methods import Objects
from experiments.runner.metric import Metric
from experiments.runner.splits import Splits


class Task(abc.ABC):
    """Data, model, loss, score and files of one training run.

    A model is a frozen dataclass with the description of each table in a field; its
    parameters are a named tuple with the table's parameters in the field of that name.

    Attributes:
      config: the settings.
      model: what to train. It has `num_params(params)`.
      splits: the data.
    """

    name: ClassVar[str]
    description: ClassVar[str]  # a sentence for --help
    metric: ClassVar[Metric]  # of `score`
    loss_label: ClassVar[str]  # what the picture calls the training loss
    tables: ClassVar[Mapping[str, str]]  # table -> field of a batch with its ids
    methods: ClassVar[tuple[str, ...]]  # those that make sense here
    configs: ClassVar[Mapping[str, TrainingConfig]]  # ready-made settings, by name
    default_config: ClassVar[str]
    evaluation_batch: ClassVar[int]
    shuffle: ClassVar[bool] = True  # whether an epoch visits the examples at random

    config: Any
    model: Any
    splits: Splits

    @classmethod
    @abc.abstractmethod
    def load(cls, config: Any, cache_dir: str | None = None) -> Self:
        """Reads the data and makes the model; refuses what cannot work.

        Raises:
          DataError: the data cannot be read.
          ValueError: the settings do not fit the data.
        """

    @abc.abstractmethod
    def objects(self, table: str) -> Objects:
        """What the rows of a table stand for."""

    @abc.abstractmethod
    def init(self, key: PRNGKeyArray) -> Any:
        """Random parameters of the model."""

    @abc.abstractmethod
    def loss(self, model: Any, *, refit: bool = False) -> Loss:
        """The mean loss of a batch: `loss(params, batch, *, key, step)`.

        Args:
          model: the task's, or what pruning made of it.
          refit: whether it is for training after pruning.
        """

    @abc.abstractmethod
    def score(self, model: Any) -> PerExample:
        """What every example of a batch adds to the metric's loss: (B,)."""

    @abc.abstractmethod
    def curvature(self, context: Context, model: Any) -> Any:
        """`(params, key) -> h`, see `ant_jax.pruning.make_curvature`."""

    @abc.abstractmethod
    def ship(self, folder: Path, model: Any, params: Any) -> int:
        """Writes the files that are shipped; returns the bytes of the embeddings.

        Names of objects are stored but not counted, since any table needs them.
        """

    def start(self, context: Context) -> Any:
        """Parameters to begin with; by default those of `init`."""
        return self.init(context.init_key)

    def prune_score(self, model: Any) -> PerExample:
        """What pruning may raise by its tolerance; by default the score."""
        return self.score(model)

    def carry(self, batch_size: int) -> Any:
        """The state that loss and score begin with where they keep one; often none.

        They are then called with `carry`; the loss returns the next in a `LossOutput`,
        the score beside its values.
        """
        return None

    def unpenalized(self) -> Mapping[str, Any]:
        """Entries of T without penalty, boolean (V, K), by table; often none."""
        return {}

    def lazy(self) -> bool:
        """Whether every row that a step moves is read by its batch."""
        return True

    def extras(self) -> dict[str, Any]:
        """Further fields of the result."""
        return {}

    @property
    def num_examples(self) -> int:
        """Training examples."""
        return len(self.splits.train[0])

    def embeddings(self, model: Any) -> dict[str, Any]:
        """The descriptions of a model's tables, by name."""
        return {name: getattr(model, name) for name in self.tables}


def replace_tables(model: Any, params: Any, tables: Mapping[str, Any]) -> Any:
    """A model and parameters with other tables.

    Args:
      model: a model, see `Task`.
      params: its parameters.
      tables: description and parameters by table.
    """
    embeddings = {name: embedding for name, (embedding, _) in tables.items()}
    values = {name: value for name, (_, value) in tables.items()}
    return dataclasses.replace(model, **embeddings), params._replace(**values)
