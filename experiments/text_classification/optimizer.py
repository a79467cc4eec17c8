"""Learning rate, penalty and optimizer of a run."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, PRNGKeyArray

import ant_jax as ant
from ant_jax import training
from ant_jax.anchors import orthogonality
from ant_jax.optim import (
    LazyRows,
    halving_schedule,
    keep_zeros,
    nonnegative_soft_threshold,
    prox,
    rules,
    soft_threshold,
    warmup_schedule,
)
from ant_jax.relations import negative_penalty
from experiments.text_classification.configs import Config
from experiments.text_classification.knowledge import NOTHING, Knowledge
from experiments.text_classification.models import (
    Classifier,
    ClassifierParams,
    join_tables,
    split_tables,
)

# What noise is drawn by. Its gradients are small, which Yogi, by its epsilon, would
# take small steps for; the papers train it by Adam.
_CHANCES = ("logits", "log_alpha", "log_variance", "scale_log_variance")


def schedules(config: Config) -> tuple[Any, Any]:
    """Learning rate and penalty of a config, numbers or schedules."""
    rate: Any = config.learning_rate
    if config.halving_steps:
        rate = halving_schedule(rate, config.halving_steps)
    l1: Any = config.l1
    if config.l1_warmup_steps:
        l1 = warmup_schedule(l1, config.l1_warmup_steps)
    return rate, l1


def make_trainer(
    config: Config,
    model: Classifier,
    rate: Any,
    l1: Any,
    num_examples: int,
    epochs: int,
    mesh: Mesh,
    key: PRNGKeyArray,
    *,
    knowledge: Knowledge = NOTHING,
    zeros_stay: bool = False,
) -> training.Trainer:
    """Yogi, and its proximal twin for what is sparse, dense or by lazy rows.

    Args:
      config: says which, and the metric of the penalty.
      model: what to train.
      rate: learning rate, number or schedule.
      l1: penalty, number or schedule.
      num_examples: training texts.
      epochs: most passes over them.
      mesh: see `training.data_mesh`.
      key: source of the noise of every step.
      knowledge: which entries have no penalty, and which words are opposites.
      zeros_stay: whether entries of sparse tables that are zero stay zero.
    """
    loss = make_loss(config, model, num_examples, knowledge)
    if uses_lazy_rows(config):
        num_steps = num_examples // config.batch_size * epochs
        tables = _tables(config, rate, l1, num_steps, knowledge)
        return training.lazy_trainer(
            loss,
            ant.yogi(rate),
            mesh,
            tables,
            keep_zeros=("embedding",) if zeros_stay else (),
            key=key,
        )
    groups = {
        "other": ant.yogi(rate),
        "rows": ant.proximal_yogi(
            rate,
            config.group_lasso,
            prox=prox.group_soft_threshold,
            metric=config.metric,
        ),
        "chances": ant.proximal_adam(rate, 0.0, prox=prox.identity),
    }
    operators = {"transform": nonnegative_soft_threshold, "table": soft_threshold}
    for name, operator in operators.items():
        free = _free(knowledge) if name == "transform" else None
        sparse = ant.proximal_yogi(
            rate, l1, prox=operator, metric=config.metric, unpenalized=free
        )
        groups[name] = optax.chain(keep_zeros(), sparse) if zeros_stay else sparse
    labels = functools.partial(_labels, config)
    tx = optax.multi_transform(groups, labels)
    return training.dense_trainer(loss, tx, mesh, key=key)


def make_loss(
    config: Config, model: Classifier, num_examples: int, knowledge: Knowledge
) -> Any:
    """Mean cross-entropy, and what a config adds to it."""
    temperature = _temperature(config)

    def loss(
        params: ClassifierParams, batch: Any, *, key: PRNGKeyArray, step: Array
    ) -> Array:
        key, pairs_key = jax.random.split(key)
        figures = model.cross_entropy(
            params, batch, key=key, temperature=temperature(step)
        )
        total = jnp.mean(figures)
        table = params.embedding
        if hasattr(model.embedding, "kl"):
            ramp = jnp.minimum(1.0, (step + 1) / max(1, config.kl_warmup_steps))
            weight = ramp * config.kl_weight / num_examples
            total += weight * model.embedding.kl(table)
        if config.orthogonality and isinstance(table, ant.AnchorParams):
            total += config.orthogonality * orthogonality(table.anchors)
        if config.negative_weight and knowledge.negative is not None:
            total += config.negative_weight * negative_penalty(
                table.transform, knowledge.negative, pairs_key, config.negative_pairs
            )
        return total

    return loss


def make_epoch(config: Config, trainer: training.Trainer, mesh: Mesh) -> Any:
    """Compiles an epoch of the trainer; see `training.make_epoch`."""
    options = {}
    if uses_lazy_rows(config):
        options = training.step_options(mesh, config.batch_size)
    return training.make_epoch(trainer.step, config.batch_size, mesh, options)


def uses_lazy_rows(config: Config) -> bool:
    """Whether lazy rows are asked for, and there is a closed form for the method."""
    # Opposites are rows that a batch does not read.
    within = not config.negative_weight
    return config.lazy_rows and within and config.method in ("ant", "full")


def _tables(
    config: Config, rate: Any, l1: Any, num_steps: int, knowledge: Knowledge
) -> training.Tables:
    make = functools.partial(
        LazyRows,
        rules.yogi(),
        rate,
        num_steps=num_steps,
        slot_dtype=config.slot_dtype,
    )
    if config.method == "full":
        rows = make(prox=prox.identity)
    else:
        rows = make(l1, metric=config.metric)
    return training.Tables(
        {"embedding": rows},
        {"embedding": "tokens"},
        split_tables,
        join_tables,
        {"embedding": knowledge.unpenalized},
    )


def _labels(config: Config, params: ClassifierParams) -> Any:
    """Labels every parameter by how it is trained; see `make_trainer`."""
    labels: Any = jax.tree.map(lambda _: "other", params)
    embedding = params.embedding
    kind = "table" if isinstance(embedding, ant.SparseParams) else "other"
    if config.method == "group_lasso" and isinstance(embedding, ant.FullParams):
        kind = "rows"
    names = {"embedding": kind, "transform": "transform"}
    names |= dict.fromkeys(_CHANCES, "chances")

    def label(path: Any, _: Any) -> str:
        return names.get(path[-1].name, "other") if path else "other"

    named = jax.tree_util.tree_map_with_path(label, embedding)
    return labels._replace(embedding=named)


def _free(knowledge: Knowledge) -> Any:
    """Entries of T without penalty, as a prefix of the parameters."""
    if knowledge.unpenalized is None:
        return None
    prefix: Any = ant.AnchorParams
    return ClassifierParams(prefix(False, knowledge.unpenalized.toarray()), False)


def _temperature(config: Config) -> optax.Schedule:
    """Of Gumbel-softmax, by the steps taken."""
    if not config.temperature_halving_steps:
        return optax.constant_schedule(config.temperature)
    return optax.exponential_decay(
        config.temperature,
        config.temperature_halving_steps,
        decay_rate=0.5,
        end_value=config.temperature_end,
    )
