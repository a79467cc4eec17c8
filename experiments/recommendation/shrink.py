"""After training: a table without what it does not need, trained on for a while.

What is worth least goes (`ant_jax.embeddings.pruning`), in rounds, and after each round
what is left trains on with a lower penalty, since the penalty shrinks what it keeps.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

import ant_jax as ant
from ant_jax import training
from ant_jax.embeddings import num_nonzeros, prune_to_size, prune_to_tolerance
from ant_jax.optim import halving_schedule
from experiments.recommendation.configs import Config
from experiments.recommendation.input_pipeline import Examples, Prepared
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)
from experiments.recommendation.optimizer import make_epoch, make_trainer

Params = MatrixFactorizationParams
SPARSE = ("ant", "nbant", "sparse_cbow", "slimming")
_CURVATURE_BATCH = 1024
# So few make the estimate of a row that many examples share wrong by 9 % or less.
_CURVATURE_PASSES = 256


def check_budgets(config: Config, model: MatrixFactorization) -> None:
    """Refuses budgets that pruning cannot meet.

    Raises:
      ValueError: the last is below what the anchors may take, or the method has no
        sparse table.
    """
    if not config.limits:
        return
    if config.method not in SPARSE:
        raise ValueError(f"budgets are for {', '.join(SPARSE)}, not {config.method}.")
    dense = sum(
        table.features * table.num_anchors
        for table in (model.users, model.items)
        if isinstance(table, ant.AnchorEmbedding)
    )
    if config.limits[-1] < dense:
        most = "may be" if config.method == "nbant" else "are"
        raise ValueError(
            f"budgets ask for {config.limits[-1]} parameters, but the anchors alone "
            f"{most} {dense}."
        )


class Shrinker:
    """Prunes and refits the parameters of a finished run."""

    def __init__(
        self,
        config: Config,
        model: MatrixFactorization,
        prepared: Prepared,
        train: Examples,
        validate: Callable[[Any], float],
        key: PRNGKeyArray,
        mesh: Mesh,
    ) -> None:
        """Takes what training had.

        Args:
          config: says how far to prune, and how to refit.
          model: what was trained.
          prepared: the data.
          train: training examples on the devices of the mesh.
          validate: error on the validation split.
          key: source of the shuffles of the fit.
          mesh: see `training.data_mesh`.
        """
        self._config, self._model, self._train = config, model, train
        self._validate, self._key, self._mesh = validate, key, mesh
        self._steps = max(1, len(train.users) // config.batch_size)
        self._epochs = config.epochs  # of which shuffles have been drawn
        self._trainer = make_trainer(
            config,
            model,
            prepared,
            halving_schedule(config.refit_learning_rate, self._steps),
            config.refit_l1,
            self._steps * max(1, config.refit_epochs),
            mesh,
            zeros_stay=True,
        )
        self._epoch = make_epoch(config, self._trainer, mesh)
        self._curvature = training.make_curvature(
            lambda params, batch: model.predict(params, batch.users, batch.items),
            max(1, min(_CURVATURE_BATCH, len(train.users) // _CURVATURE_PASSES)),
            mesh,
        )

    def shrink(self, params: Params) -> list[Params]:
        """Prunes as far as the tolerance allows and refits, then for every budget.

        Returns:
          The parameters of each budget; without budgets those of the tolerance.

        Raises:
          DivergedError: the loss of a refit is not finite.
          TrainingError: more anchors were chosen than a budget has room for.
        """
        params, _ = prune_to_tolerance(
            params, self._validate, self._config.prune_tolerance, self._worth(params)
        )
        params = self._refit(params)
        shrunk = []
        for limit in self._config.limits:
            params = self._down_to(limit, params)
            shrunk.append(params)
        return shrunk or [params]

    def _down_to(self, limit: int, params: Params) -> Params:
        while (size := self._model.num_params(params)) > limit:
            dense = size - num_nonzeros(params)
            if dense > limit:
                raise training.TrainingError(
                    f"The anchors alone are {dense} parameters, above the budget of "
                    f"{limit}: raise --budgets, or lower --max_anchors."
                )
            target = max(limit, int(size / self._config.prune_ratio))
            pruned = prune_to_size(params, max(target - dense, 0), self._worth(params))
            params = self._refit(pruned)
        return params

    def _worth(self, params: Params) -> Any:
        if self._config.prune_by == "length":
            return None
        key = jax.random.fold_in(self._key, self._epochs)
        return self._curvature(params, self._train, key)

    def _refit(self, params: Params) -> Params:
        """Trains on what is not zero; the best epoch on the validation split."""
        if not self._config.refit_epochs:
            return params
        best, lowest = params, self._validate(params)
        # The epoch donates its state.
        copy = jax.tree.map(jnp.copy, params)
        state = training.replicate(self._trainer.create(copy), self._mesh)
        for _ in range(self._config.refit_epochs):
            key = jax.random.fold_in(self._key, self._epochs)
            self._epochs += 1
            state, report = self._epoch(state, self._train, key)
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
