"""From trained parameters to those that are shipped, one model for every budget."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from ant_jax import training
from ant_jax.embeddings import ProductQuantizedParams
from ant_jax.optim import halving_schedule
from experiments.refitting import Refit
from experiments.shrinking import Shrinker
from experiments.text_classification.coded import fix_codes, free_codes
from experiments.text_classification.condense import condense
from experiments.text_classification.configs import CONDENSED, SPARSE, Config
from experiments.text_classification.input_pipeline import Prepared, Splits
from experiments.text_classification.models import Classifier, ClassifierParams
from experiments.text_classification.optimizer import make_epoch, make_trainer

_EVALUATION_BATCH = 512
_CURVATURE_BATCH = 64

Finished = tuple[Classifier, ClassifierParams]


class Run(NamedTuple):
    """What training had, for all that comes after it."""

    config: Config
    prepared: Prepared
    splits: Splits  # on the devices of the mesh
    mesh: Mesh
    shuffle_key: PRNGKeyArray
    noise_key: PRNGKeyArray

    def error(
        self, model: Classifier, split: Literal["validation", "test"] = "validation"
    ) -> Callable[[Any], float]:
        """The share of a split's texts that a model gets wrong, of its parameters."""
        return self._mean("error", model, split)

    def cross_entropy(self, model: Classifier) -> Callable[[Any], float]:
        """Mean cross-entropy of the validation split, of a model's parameters."""
        return self._mean("cross_entropy", model, "validation")

    def _mean(self, figure: str, model: Classifier, split: str) -> Any:
        evaluate, data = _evaluator(figure, model, self.mesh), self.splits
        return lambda params: float(evaluate(params, getattr(data, split)))


# The same function every time, for what jit has compiled belongs to it.
@functools.lru_cache(maxsize=8)
def _evaluator(figure: str, model: Classifier, mesh: Mesh) -> Any:
    return training.make_evaluate(getattr(model, figure), _EVALUATION_BATCH, mesh)


def finish(run: Run, model: Classifier, params: ClassifierParams) -> list[Finished]:
    """Prunes, or condenses, for every budget, and refits what is left.

    Returns:
      The model and parameters of each budget; without budgets those of the method.

    Raises:
      DivergedError: the loss of a refit is not finite.
    """
    config = run.config
    if config.method in SPARSE:
        model, params = _sparse(model, params)
        shrunk = _make_shrinker(run, model).shrink(params)
        return [(model, values) for values in shrunk]
    if config.method in CONDENSED:
        return [_condensed(run, model, params, limit) for limit in _limits(config)]
    return [(model, params)]


def _limits(config: Config) -> list[int | None]:
    return [*config.limits] or [None]


def _sparse(model: Classifier, params: ClassifierParams) -> Finished:
    """Leaves out what variational dropout drops."""
    if not hasattr(model.embedding, "shrink"):
        return model, params
    embedding, values = model.embedding.shrink(params.embedding)
    small = dataclasses.replace(model, embedding=embedding)
    return small, params._replace(embedding=values)


def _condensed(
    run: Run, model: Classifier, params: ClassifierParams, limit: int | None
) -> Finished:
    embedding, values = condense(
        run.config, run.prepared, model.embedding, params.embedding, limit
    )
    small = dataclasses.replace(model, embedding=embedding)
    params = params._replace(embedding=values)
    if isinstance(values, ProductQuantizedParams):
        fixed, params = fix_codes(small, params)
        return small, free_codes(fixed, _make_refit(run, fixed)(params))
    return small, _make_refit(run, small)(params)


def _make_refit(run: Run, model: Classifier) -> Refit:
    config, train = run.config, run.splits.train
    steps = max(1, len(train.labels) // config.batch_size)
    trainer = make_trainer(
        config,
        model,
        halving_schedule(config.refit_learning_rate, steps),
        config.refit_l1,
        num_examples=len(train.labels),
        epochs=max(1, config.refit_epochs),
        mesh=run.mesh,
        key=jax.random.fold_in(run.noise_key, 1),
        zeros_stay=True,
    )
    return Refit(
        config,
        trainer,
        make_epoch(config, trainer, run.mesh),
        train,
        run.error(model),
        run.shuffle_key,
        run.mesh,
    )


def _make_shrinker(run: Run, model: Classifier) -> Shrinker:
    curvature = training.make_curvature(model.cross_entropy, _CURVATURE_BATCH, run.mesh)
    predict = jax.jit(_sample_labels, static_argnums=0)

    def fisher(params: ClassifierParams, key: PRNGKeyArray) -> Any:
        """Diagonal of the Fisher matrix: labels are the model's own, not the data's."""
        label_key, key = jax.random.split(key)
        labels = predict(model, params, run.splits.train, label_key)
        return curvature(params, run.splits.train._replace(labels=labels), key)

    # What is dropped of a mixture leaves its weight to others: no curvature tells that.
    by_curvature = (
        run.config.prune_by == "curvature" and run.config.method != "anchor_mixture"
    )
    return Shrinker(
        run.config,
        _make_refit(run, model),
        num_params=model.num_params,
        validate=run.cross_entropy(model),
        curvature=fisher if by_curvature else None,
    )


def _sample_labels(
    model: Classifier, params: ClassifierParams, data: Any, key: PRNGKeyArray
) -> jax.Array:
    """A class for every text, drawn from what the model says of it."""

    def draw(part: Any) -> jax.Array:
        tokens, lengths, key = part
        scores = model.logits(params, tokens[None], lengths[None])
        return jax.random.categorical(key, scores[0]).astype(jnp.int32)

    keys = jax.random.split(key, len(data.labels))
    return jax.lax.map(
        draw, (data.tokens, data.lengths, keys), batch_size=_EVALUATION_BATCH
    )
