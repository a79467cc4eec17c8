"""The text classifier as a task: texts, an encoder over embeddings, cross-entropy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ant_jax.anchors import orthogonality
from ant_jax.pruning import make_curvature
from ant_jax.relations import negative_penalty
from ant_jax.training.evaluate import PerExample
from ant_jax.training.loss import Loss
from experiments.data import load_texts
from experiments.runner.config import METHODS
from experiments.runner.context import Context
from experiments.runner.methods import Objects, check_sizes, make_embedding
from experiments.runner.metric import ACCURACY, Metric
from experiments.runner.noise import divergence, temperature_schedule
from experiments.runner.task import Task
from experiments.text_classification.artifact import ship
from experiments.text_classification.configs import CONFIGS, Config
from experiments.text_classification.encoders import make_encoder
from experiments.text_classification.input_pipeline import Prepared, prepare
from experiments.text_classification.knowledge import NOTHING, gather, start
from experiments.text_classification.models import Classifier, ClassifierParams

_CURVATURE_BATCH = 64


class TextClassification(Task):
    """Predicts the class of a text."""

    name: ClassVar[str] = "text_classification"
    description: ClassVar[str] = (
        "Trains a classifier of texts, and ships a small table of its words."
    )
    metric: ClassVar[Metric] = ACCURACY
    loss_label: ClassVar[str] = "cross-entropy"
    tables: ClassVar[Mapping[str, str]] = {"embedding": "tokens"}
    methods: ClassVar[tuple[str, ...]] = METHODS
    configs: ClassVar[Mapping[str, Config]] = CONFIGS
    default_config: ClassVar[str] = "quickstart"
    evaluation_batch: ClassVar[int] = 512

    config: Config
    model: Classifier

    def __init__(self, config: Config, prepared: Prepared) -> None:
        """Makes the model of a config for the words and classes of a data set.

        Raises:
          OSError: the folder holds no WordNet database.
          ValueError: the vocabulary is too small, or NLTK is not installed.
        """
        self.config, self.prepared = config, prepared
        self.splits = prepared.splits
        check_sizes(config, len(prepared.words))
        embedding = make_embedding(
            config, self.objects("embedding"), config.features, config.anchors
        )
        encoder = make_encoder(config, len(prepared.classes))
        self.model = Classifier(embedding, encoder, config.fold)
        self.knowledge = NOTHING

    @classmethod
    def load(cls, config: Config, cache_dir: str | None = None) -> Self:
        """See `Task.load`."""
        task = cls(config, load(config, cache_dir))
        task.knowledge = gather(config, task.prepared)
        return task

    def objects(self, table: str) -> Objects:
        """The words, and how often they occur."""
        prepared = self.prepared
        documents = len(prepared.splits.train.labels)
        return Objects(prepared.counts, prepared.documents, documents, self.config.seed)

    def init(self, key: PRNGKeyArray) -> ClassifierParams:
        """Random parameters."""
        return self.model.init(key, self.config.length)

    def start(self, context: Context) -> ClassifierParams:
        """Random parameters, but for words of which something is known."""
        params = self.init(context.init_key)
        if self.knowledge is NOTHING:
            return params
        table = start(
            self.config, self.model.embedding, context.init_key, self.knowledge
        )
        return params._replace(embedding=table)

    def unpenalized(self) -> Mapping[str, Any]:
        """Entries of words at related anchors."""
        free = self.knowledge.unpenalized
        return {} if free is None else {"embedding": free}

    def lazy(self) -> bool:
        """Opposites are words that a batch does not read."""
        return not self.config.negative_weight

    def loss(self, model: Classifier, *, refit: bool = False) -> Loss:
        """Mean cross-entropy, and what a config adds to it."""
        config, temperature = self.config, temperature_schedule(self.config)
        negative = None if refit else self.knowledge.negative

        def loss(
            params: ClassifierParams, batch: Any, *, key: PRNGKeyArray, step: Array
        ) -> Array:
            key, pairs_key = jax.random.split(key)
            errors = model.cross_entropy(
                params, batch, key=key, temperature=temperature(step)
            )
            table = params.embedding
            total = jnp.mean(errors) + divergence(
                config, model.embedding, table, step, self.num_examples
            )
            if config.orthogonality:
                total += config.orthogonality * orthogonality(table.anchors)
            if config.negative_weight and negative is not None:
                total += config.negative_weight * negative_penalty(
                    table.transform, negative, pairs_key, config.negative_pairs
                )
            return total

        return loss

    def score(self, model: Classifier) -> PerExample:
        """1 for every text whose class is mistaken."""
        return model.error

    def prune_score(self, model: Classifier) -> PerExample:
        """Cross-entropies, which tell more of a few texts than mistakes do."""
        return model.cross_entropy

    def curvature(self, context: Context, model: Classifier) -> Any:
        """The diagonal of the Fisher matrix: labels are drawn from the model."""
        train = context.splits.train
        curvature = make_curvature(model.cross_entropy, _CURVATURE_BATCH, context.mesh)
        batch = self.evaluation_batch

        @jax.jit
        def draw_labels(params: ClassifierParams, key: PRNGKeyArray) -> Array:
            def draw(part: Any) -> Array:
                tokens, lengths, key = part
                scores = model.logits(params, tokens[None], lengths[None])
                return jax.random.categorical(key, scores[0]).astype(jnp.int32)

            keys = jax.random.split(key, len(train.labels))
            return jax.lax.map(
                draw, (train.tokens, train.lengths, keys), batch_size=batch
            )

        def fisher(params: ClassifierParams, key: PRNGKeyArray) -> Any:
            label_key, key = jax.random.split(key)
            labels = draw_labels(params, label_key)
            return curvature(params, train._replace(labels=labels), key)

        return fisher

    def ship(self, folder: Path, model: Classifier, params: ClassifierParams) -> int:
        """See `artifact.ship`."""
        return ship(folder, self.config, model, params, self.prepared)

    def extras(self) -> dict[str, Any]:
        """The size of the vocabulary, and what it does not know of the texts."""
        return {
            "words": len(self.prepared.words),
            "unknown": self.prepared.unknown._asdict(),
        }


def load(config: Config, cache_dir: str | None = None) -> Prepared:
    """The data set of a config, ready for training.

    Raises:
      DataError: the texts cannot be read.
      ValueError: a part or the vocabulary would be empty.
    """
    texts = load_texts(
        config.dataset,
        config.data_dir,
        cache_dir,
        tokenizer=config.tokenizer,
        titles=config.titles,
    )
    return prepare(
        texts,
        seed=config.seed if config.split_seed is None else config.split_seed,
        length=config.length,
        max_words=config.max_words,
        min_count=config.min_count,
        validation_share=config.validation_share,
        validation_split=config.validation_split,
    )
