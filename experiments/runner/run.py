"""A task on devices: what fitting, pruning and testing share."""

from collections.abc import Callable
from typing import Any, Literal

from jax.sharding import Mesh

from ant_jax import training
from ant_jax.training.evaluate import PerExample
from experiments.runner.context import Context
from experiments.runner.task import Task

Split = Literal["validation", "test"]


class Run(Context):
    """A task, its data on the devices of a mesh, and its evaluation.

    Attributes:
      task: what is trained.
      config: its settings.
    """

    def __init__(self, task: Task, mesh: Mesh) -> None:
        super().__init__(task.splits, mesh, task.config.seed)
        self.task, self.config = task, task.config
        self._evaluators: dict[Any, Any] = {}

    def loss_on(self, split: Split, model: Any) -> Callable[[Any], float]:
        """The metric's mean loss over a split, of a model's parameters."""
        return self.mean(self.task.score, split, model)

    def mean(
        self, score: Callable[[Any], PerExample], split: Split, model: Any
    ) -> Callable[[Any], float]:
        """The mean over a split of `score(model)`, of the model's parameters."""
        # The same function every time, for what jit has compiled belongs to it.
        evaluate = self._evaluators.get((score, model))
        if evaluate is None:
            batch = self.task.evaluation_batch
            evaluate = training.make_evaluate(
                score(model), batch, self.mesh, carry=self.task.carry(batch)
            )
            self._evaluators[score, model] = evaluate
        data = getattr(self.splits, split)
        return lambda params: float(evaluate(params, data))
