"""Classes of documents as anchors: a T to start from, by where objects occur."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from ant_jax.relations.documents import split_documents


def class_relevance(
    tokens: ArrayLike,
    starts: ArrayLike,
    labels: ArrayLike,
    num_embeddings: int,
    num_classes: int,
    *,
    smoothing: float = 1.0,
) -> Float[np.ndarray, "vocab classes"]:
    """How much more often an object occurs in documents of a class than overall.

        max(log((n_vc + a p_c) / ((n_v + a) p_c)), 0),   p_c = N_c / N

    for an object in n_v documents, n_vc of which are of class c, where N_c of all N
    documents are of class c: positive pointwise mutual information (Church & Hanks,
    *Word association norms, mutual information, and lexicography*, 1990), as if the
    object occurred in a further documents with the class shares of the whole
    collection. The smoothing lowers the score of objects that occur in few documents;
    an object that occurs in none scores 0.

    The result is sparse and non-negative, as T is, and lies in [0, log(1 / p_c)]. Pass
    the labels of training documents only: others would leak the targets.

    Args:
      tokens: ids of all documents, concatenated, integers (n,), each in [0, V).
      starts: index of the first token of each document, ascending from 0, integers
        (N,).
      labels: class of each document, integers (N,), each in [0, C).
      num_embeddings: size V of the vocabulary.
      num_classes: number C of classes.
      smoothing: a, above 0.

    Returns:
      float64 (V, C), with zeros in the column of a class without documents.

    Raises:
      ValueError: tokens, starts or labels are not integers of these shapes or are out
        of range, or smoothing is not positive and finite.

    Example:
      >>> tokens, starts = np.array([0, 1, 0, 2]), np.array([0, 2])
      >>> class_relevance(tokens, starts, np.array([0, 1]), 3, 2).round(2).tolist()
      [[0.0, 0.0], [0.41, 0.0], [0.0, 0.41]]
    """
    if not 0 < smoothing < np.inf:
        raise ValueError(f"smoothing must be positive and finite, got {smoothing!r}.")
    ids, documents = split_documents(tokens, starts, num_embeddings)
    classes = np.asarray(labels)
    count = len(np.asarray(starts))
    if classes.shape != (count,) or classes.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers, one for each of {count} documents, got "
            f"{classes.dtype} of shape {classes.shape}."
        )
    if count and not 0 <= classes.min() <= classes.max() < num_classes:
        raise ValueError(
            f"labels must be in [0, {num_classes}), got {classes.min()} to "
            f"{classes.max()}."
        )
    # Each pair of a document and an object counts once.
    pairs = np.unique(documents * num_embeddings + ids)
    objects, of = pairs % num_embeddings, classes[pairs // num_embeddings]
    cells = np.bincount(
        objects * num_classes + of.astype(np.int64),
        minlength=num_embeddings * num_classes,
    )
    within = cells.reshape(num_embeddings, num_classes).astype(np.float64)
    share = np.bincount(classes, minlength=num_classes) / max(count, 1)
    expected = (within.sum(axis=1, keepdims=True) + smoothing) * share
    seen = within + smoothing * share
    ratio = np.divide(seen, expected, out=np.ones_like(seen), where=expected > 0)
    return np.log(np.maximum(ratio, 1))
