"""Training on for a few epochs on what pruning has left."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ant_jax import training
from experiments.runner.config import TrainingConfig
from experiments.runner.errors import DivergedError


class Refit:
    """Trains parameters on; keeps the best epoch on the validation split."""

    def __init__(
        self,
        config: TrainingConfig,
        trainer: training.Trainer,
        train: Any,
        validate: Callable[[Any], float],
        key: PRNGKeyArray,
    ) -> None:
        """Takes what training had.

        Args:
          config: says for how many epochs.
          trainer: see `make_refit_trainer`: entries that are zero stay zero.
          train: training examples on the devices of the trainer's mesh.
          validate: loss on the validation split.
          key: source of the shuffles of the fit.
        """
        self._config, self._trainer, self._train = config, trainer, train
        self._validate, self._key = validate, key
        self._epochs = config.epochs  # of which shuffles have been drawn

    @property
    def key(self) -> PRNGKeyArray:
        """A fresh key for the next epoch."""
        return jax.random.fold_in(self._key, self._epochs)

    def __call__(self, params: Any) -> Any:
        """Returns the parameters of the best epoch, or those given if none is better.

        Raises:
          DivergedError: the loss is not finite.
        """
        if not self._config.refit_epochs:
            return params
        best, lowest = params, self._validate(params)
        # The epoch donates its state.
        copy = jax.tree.map(jnp.copy, params)
        state = training.replicate(self._trainer.create(copy), self._trainer.mesh)
        for _ in range(self._config.refit_epochs):
            state, report = self._trainer.epoch(state, self._train, self.key)
            self._epochs += 1
            if int(report.bad_step) >= 0:
                raise DivergedError(
                    f"The loss of the refit is not finite at step "
                    f"{int(report.bad_step)}: lower --refit_learning_rate and start "
                    "again."
                )
            refitted = self._trainer.params(state)
            error = self._validate(refitted)
            if error < lowest:
                best, lowest = jax.tree.map(jnp.copy, refitted), error
        return best
