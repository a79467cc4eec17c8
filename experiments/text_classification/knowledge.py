"""What is known of the words before training: which are anchors, which are related."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ant_jax import anchors, relations
from ant_jax.embeddings import AnchorEmbedding, AnchorParams
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import SPECIAL, Prepared

_WINDOW = 10


class Knowledge(NamedTuple):
    """What a run of ANT starts from."""

    objects: np.ndarray | None  # the word of each anchor, int (K,)
    vectors: np.ndarray | None  # float32 (V, d), of all words
    unpenalized: np.ndarray | None  # bool (V, K), entries without penalty
    negative: np.ndarray | None  # int (n, 2), opposites


NOTHING = Knowledge(None, None, None, None)


def gather(config: Config, prepared: Prepared) -> Knowledge:
    """Chooses the words that start as anchors, and finds those related to them.

    Raises:
      ValueError: WordNet is not installed, or its folder is not given.
    """
    if config.method != "ant" or config.anchors_choice == "random":
        return NOTHING
    key = jax.random.key(config.seed)
    counts = _cooccurrence(prepared)
    vectors = anchors.cooccurrence_vectors(key, counts, config.features)
    objects = _choose(config, prepared, vectors, key)
    graph = _graph(config, prepared, counts)
    if graph is None:
        return Knowledge(objects, vectors, None, None)
    free = relations.unpenalized(graph, objects).toarray()
    negative = graph.negative if len(graph.negative) else None
    return Knowledge(objects, vectors, free, negative)


def start(
    embedding: AnchorEmbedding, key: PRNGKeyArray, knowledge: Knowledge
) -> AnchorParams:
    """First A and T: the chosen words are their own anchors, others near them."""
    objects, vectors = knowledge.objects, knowledge.vectors
    if objects is None or vectors is None:
        return embedding.init(key)
    near = anchors.nonnegative_similarity(vectors, vectors[objects])
    return anchors.from_objects(embedding, key, objects, vectors, transform=near)


def _choose(
    config: Config, prepared: Prepared, vectors: np.ndarray, key: PRNGKeyArray
) -> np.ndarray:
    counts = _counts(prepared)
    number = config.anchors
    if config.anchors_choice == "frequency":
        return anchors.most_frequent(counts, number)
    if config.anchors_choice == "tf_idf":
        documents = len(prepared.splits.train.labels)
        scores = anchors.tf_idf(prepared.counts, prepared.documents, documents)
        return anchors.largest(np.where(counts > 0, scores, 0), number)
    weights = np.sqrt(counts)
    if config.anchors_choice == "kmeans":
        chosen = anchors.kmeans_plus_plus(key, vectors, number, weights=weights)
    elif config.anchors_choice == "frequency_kmeans":
        chosen = anchors.frequency_then_kmeans(
            key, vectors, counts, number, max(1, number // 2), weights=weights
        )
    else:
        chosen = anchors.k_center(vectors, number)
    return np.asarray(chosen)


def _graph(
    config: Config, prepared: Prepared, counts: Any
) -> relations.RelationGraph | None:
    if config.relations == "none":
        return None
    if config.relations == "wordnet":
        words = ["" if word in SPECIAL else word for word in prepared.words]
        return relations.wordnet_relations(words, config.wordnet_dir or "")
    scores = relations.positive_pmi(counts)
    return relations.most_related(scores, config.related_words)


def _counts(prepared: Prepared) -> np.ndarray:
    """Counts of words, and 0 of what only looks like a word."""
    counts = prepared.counts.copy()
    counts[: len(SPECIAL)] = 0
    return counts


def _cooccurrence(prepared: Prepared) -> Any:
    train = prepared.splits.train
    lengths = train.lengths
    there = np.arange(train.tokens.shape[1])[None] < lengths[:, None]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return relations.cooccurrence_counts(
        train.tokens[there], starts, len(prepared.words), _WINDOW
    )
