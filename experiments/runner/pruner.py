"""After training: a table without what it does not need, trained on for a while.

The entries worth least go (`ant_jax.pruning`), in rounds, and after each round the
rest trains on with a lower penalty, since the penalty shrinks what it keeps.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import PRNGKeyArray

from ant_jax.pruning import num_nonzeros, prune_to_size, prune_to_tolerance
from experiments.runner.config import TrainingConfig
from experiments.runner.errors import TrainingError
from experiments.runner.refit import Refit


class Pruner:
    """Prunes and refits the parameters of a finished run."""

    def __init__(
        self,
        config: TrainingConfig,
        refit: Refit,
        *,
        num_params: Callable[[Any], int],
        validate: Callable[[Any], float],
        curvature: Callable[[Any, PRNGKeyArray], Any] | None,
    ) -> None:
        """Takes what it works with.

        Args:
          config: says how far to prune.
          refit: trains on what is left.
          num_params: embedding parameters of parameters.
          validate: loss on the validation split that pruning may raise by its
            tolerance.
          curvature: `(params, key) -> h`, see `ant_jax.pruning.make_curvature`; None to
            go by the length of what an entry adds.
        """
        self._config, self._refit = config, refit
        self._num_params, self._validate = num_params, validate
        self._curvature = curvature

    def __call__(self, params: Any) -> list[Any]:
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
        pruned = []
        for limit in self._config.budgets:
            params = self._down_to(limit, params)
            pruned.append(params)
        return pruned or [params]

    def _down_to(self, limit: int, params: Any) -> Any:
        while (size := self._num_params(params)) > limit:
            dense = size - num_nonzeros(params)
            if dense > limit:
                raise TrainingError(
                    f"The anchors alone are {dense} parameters, above the budget of "
                    f"{limit}: raise --budgets, or lower the number of anchors."
                )
            target = max(limit, int(size / self._config.prune_ratio))
            smaller = prune_to_size(params, max(target - dense, 0), self._worth(params))
            params = self._refit(smaller)
        return params

    def _worth(self, params: Any) -> Any:
        if self._curvature is None:
            return None
        return self._curvature(params, self._refit.key)
