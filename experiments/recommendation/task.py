"""The recommender as a task: ratings, matrix factorization, squared error."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, PRNGKeyArray

from ant_jax.pruning import make_curvature
from ant_jax.training.evaluate import PerExample
from ant_jax.training.loss import Loss
from experiments.data import load_ratings
from experiments.recommendation.artifact import ship
from experiments.recommendation.configs import CONFIGS, METHODS, Config
from experiments.recommendation.input_pipeline import Prepared, prepare
from experiments.recommendation.models import (
    MatrixFactorization,
    MatrixFactorizationParams,
)
from experiments.recommendation.warm_start import full_table, warm_start
from experiments.runner.context import Context
from experiments.runner.methods import Objects, make_embedding
from experiments.runner.metric import MSE, Metric
from experiments.runner.noise import temperature_schedule
from experiments.runner.task import Task

_CURVATURE_BATCH = 1024
# So few make the estimate of a row that many examples share wrong by 9 % or less.
_CURVATURE_PASSES = 256


class Recommendation(Task):
    """Predicts ratings of pairs of users and items."""

    name: ClassVar[str] = "recommendation"
    description: ClassVar[str] = (
        "Trains matrix factorization on ratings, and ships small tables of users and "
        "items."
    )
    metric: ClassVar[Metric] = MSE
    loss_label: ClassVar[str] = MSE.label
    tables: ClassVar[Mapping[str, str]] = {"users": "users", "items": "items"}
    methods: ClassVar[tuple[str, ...]] = METHODS
    configs: ClassVar[Mapping[str, Config]] = CONFIGS
    default_config: ClassVar[str] = "quickstart"
    evaluation_batch: ClassVar[int] = 8192

    config: Config
    model: MatrixFactorization

    def __init__(self, config: Config, prepared: Prepared) -> None:
        """Makes the model of a config for the users and items of a data set."""
        self.config, self.prepared = config, prepared
        self.splits = prepared.splits
        users, items = (self._embedding(table) for table in self.tables)
        self.model = MatrixFactorization(users, items, config.biases)

    @classmethod
    def load(cls, config: Config, cache_dir: str | None = None) -> Self:
        """See `Task.load`."""
        ratings = load_ratings(
            config.dataset,
            config.data_dir,
            cache_dir,
            rating_range=config.rating_range,
        )
        return cls(config, prepare(ratings, config.seed, seen_only=config.seen_only))

    def objects(self, table: str) -> Objects:
        """Users or items, and how many training ratings each has."""
        prepared = self.prepared
        counts = {"users": prepared.user_counts, "items": prepared.item_counts}
        return Objects(counts[table])

    def _embedding(self, table: str) -> Any:
        config = self.config
        embedding: Any = make_embedding(
            config,
            self.objects(table),
            config.features + config.biases,
            config.anchors_of(table),
        )
        anchored = config.method in ("ant", "nbant")
        if config.biases and anchored and config.anchors_start != "signed_basis":
            start = _LastIsZero(embedding.anchors_init)
            return dataclasses.replace(embedding, anchors_init=start)
        return embedding

    def init(self, key: PRNGKeyArray) -> MatrixFactorizationParams:
        """Random tables, and the mean rating for the bias."""
        with jax.ensure_compile_time_eval():
            mean = float(jnp.mean(jnp.asarray(self.splits.train.ratings)))
        return self.model.init(key, mean)

    def start(self, context: Context) -> MatrixFactorizationParams:
        """Random tables, or those of a warm start."""
        params = self.init(context.init_key)
        if not self.config.warm_start_epochs:
            return params
        full = type(self)(full_table(self.config), self.prepared)
        return warm_start(full, context, params, self.config.warm_start_epochs)

    def loss(self, model: MatrixFactorization, *, refit: bool = False) -> Loss:
        """The mean squared error of a batch."""
        temperature = temperature_schedule(self.config)

        def loss(
            params: MatrixFactorizationParams,
            batch: Any,
            *,
            key: PRNGKeyArray,
            step: Array,
        ) -> Array:
            noise = {"key": key, "temperature": temperature(step)}
            return jnp.mean(model.squared_error(params, batch, **noise))

        return loss

    def score(self, model: MatrixFactorization) -> PerExample:
        """Squared errors."""
        return model.squared_error

    def curvature(self, context: Context, model: MatrixFactorization) -> Any:
        """The Gauss-Newton diagonal of the squared error."""
        curvature = make_curvature(
            lambda params, batch: model.predict(params, batch.users, batch.items),
            max(1, min(_CURVATURE_BATCH, self.num_examples // _CURVATURE_PASSES)),
            context.mesh,
        )
        return lambda params, key: curvature(params, context.splits.train, key)

    def ship(
        self,
        folder: Path,
        model: MatrixFactorization,
        params: MatrixFactorizationParams,
    ) -> int:
        """See `artifact.ship`."""
        return ship(folder, model, params, self.prepared)

    def extras(self) -> dict[str, Any]:
        """Shares of the ratings that were left out."""
        dropped = self.prepared.dropped
        return {"dropped": dropped and dropped._asdict()}


@dataclasses.dataclass(frozen=True)
class _LastIsZero:
    """Starts the feature that is the bias of an object at zero."""

    inner: Initializer

    def __call__(self, key: PRNGKeyArray, shape: Any, *args: Any, **kwargs: Any) -> Any:
        draw: Array = self.inner(key, shape, *args, **kwargs)
        return draw.at[:, -1].set(0.0)
