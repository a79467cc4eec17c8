"""Training on for a few epochs on what pruning has left."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from ant_jax import training
from experiments.training_config import TrainingConfig


class Refit:
    """Trains parameters on; keeps the best epoch on the validation split."""

    def __init__(
        self,
        config: TrainingConfig,
        trainer: training.Trainer,
        epoch: Callable[..., Any],
        train: Any,
        validate: Callable[[Any], float],
        key: PRNGKeyArray,
        mesh: Mesh,
    ) -> None:
        """Takes what training had.

        Args:
          config: says for how many epochs.
          trainer: entries of sparse tables that are zero stay zero in it.
          epoch: an epoch of that trainer; see `training.make_epoch`.
          train: training examples on the devices of the mesh.
          validate: error on the validation split.
          key: source of the shuffles of the fit.
          mesh: see `training.data_mesh`.
        """
        self._config, self._trainer, self._epoch = config, trainer, epoch
        self._train, self._validate, self._mesh = train, validate, mesh
        self._key = key
        self._epochs = config.epochs  # of which shuffles have been drawn

    @property
    def key(self) -> PRNGKeyArray:
        """Of the next epoch, which no epoch before has had."""
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
        state = training.replicate(self._trainer.create(copy), self._mesh)
        for _ in range(self._config.refit_epochs):
            state, report = self._epoch(state, self._train, self.key)
            self._epochs += 1
            if int(report.bad_step) >= 0:
                raise training.DivergedError(
                    f"The loss of the refit is not finite at step "
                    f"{int(report.bad_step)}: lower --refit_learning_rate and start "
                    "again."
                )
            refitted = self._trainer.params(state)
            error = self._validate(refitted)
            if error < lowest:
                best, lowest = jax.tree.map(jnp.copy, refitted), error
        return best
