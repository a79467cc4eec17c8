"""What is known of the words before training: which are anchors, which are related."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from scipy import sparse

from ant_jax import anchors, relations
from experiments.text_classification.class_start import relevance, start_from_classes
from experiments.text_classification.configs import Config
from experiments.text_classification.input_pipeline import SPECIAL, Prepared

_WINDOW = 10


class Knowledge(NamedTuple):
    """What a run starts from."""

    objects: np.ndarray | None  # the word of each anchor, int (K,)
    vectors: np.ndarray | None  # float32 (V, d), of all words
    unpenalized: sparse.csr_array | None  # bool (V, K), entries without penalty
    negative: np.ndarray | None  # int (n, 2), opposites
    relevance: np.ndarray | None = None  # float (V, classes), of the classes to words


NOTHING = Knowledge(None, None, None, None)


def gather(config: Config, prepared: Prepared) -> Knowledge:
    """Chooses what starts as anchors, and finds the words related to them.

    Raises:
      OSError: the folder holds no WordNet database.
      ValueError: NLTK, which reads WordNet, is not installed, the database is damaged,
        there are fewer words than anchors, or fewer anchors than classes.
    """
    if config.anchors_choice == "random":
        return NOTHING
    if config.anchors_choice == "classes":
        return NOTHING._replace(relevance=relevance(config, prepared))
    key = jax.random.key(config.seed)
    counts = _cooccurrence(prepared)
    vectors = anchors.cooccurrence_vectors(key, counts, config.features)
    objects = _choose(config, prepared, vectors, key)
    graph = _graph(config, prepared, counts)
    if graph is None:
        return Knowledge(objects, vectors, None, None)
    free = relations.unpenalized(graph, objects)
    negative = graph.negative if len(graph.negative) else None
    return Knowledge(objects, vectors, free, negative)


def start(
    config: Config, embedding: Any, key: PRNGKeyArray, knowledge: Knowledge
) -> Any:
    """First parameters of an embedding; what is not known is drawn.

    Words that were chosen are their own anchors, and others are near to them; anchors
    that are classes are as near to a word as it is relevant to them.
    """
    if knowledge.relevance is not None:
        return start_from_classes(config, embedding, key, knowledge.relevance)
    objects, vectors = knowledge.objects, knowledge.vectors
    if objects is None or vectors is None:
        return embedding.init(key)
    near = anchors.nonnegative_similarity(vectors, vectors[objects])
    return anchors.from_objects(embedding, key, objects, vectors, transform=near)


def _choose(
    config: Config, prepared: Prepared, vectors: np.ndarray, key: PRNGKeyArray
) -> np.ndarray:
    """The words of the anchors, of which `SPECIAL` are none."""
    first, number = len(SPECIAL), config.anchors
    counts, points = prepared.counts[first:], vectors[first:]
    if number > len(counts):
        raise ValueError(
            f"There are {len(counts)} words to choose {number} anchors from: lower "
            "--anchors."
        )
    if config.anchors_choice == "frequency":
        chosen: Any = anchors.most_frequent(counts, number)
    elif config.anchors_choice == "tf_idf":
        texts = len(prepared.splits.train.labels)
        scores = anchors.tf_idf(counts, prepared.documents[first:], texts)
        chosen = anchors.largest(scores, number)
    elif config.anchors_choice == "kmeans":
        chosen = anchors.kmeans_plus_plus(key, points, number, weights=np.sqrt(counts))
    elif config.anchors_choice == "frequency_kmeans":
        chosen = anchors.frequency_then_kmeans(
            key, points, counts, number, max(1, number // 2), weights=np.sqrt(counts)
        )
    else:
        chosen = anchors.k_center(points, number)
    return np.asarray(chosen, np.int64) + first


def _graph(
    config: Config, prepared: Prepared, counts: Any
) -> relations.RelationGraph | None:
    if config.relations == "none":
        return None
    if config.relations == "wordnet":
        return _wordnet(config, prepared)
    scores = relations.positive_pmi(counts)
    return relations.most_related(scores, config.related_words)


def _wordnet(config: Config, prepared: Prepared) -> relations.RelationGraph:
    words = ["" if word in SPECIAL else word for word in prepared.words]
    try:
        return relations.wordnet_relations(words, config.wordnet_dir or "")
    except ImportError as error:
        raise ValueError(str(error)) from error


def _cooccurrence(prepared: Prepared) -> Any:
    train = prepared.splits.train
    lengths = train.lengths
    there = np.arange(train.tokens.shape[1])[None] < lengths[:, None]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return relations.cooccurrence_counts(
        train.tokens[there], starts, len(prepared.words), _WINDOW
    )
