"""How informative an object is about the documents that it occurs in."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from ant_jax.relations.documents import split_documents


def tf_idf(
    counts: ArrayLike, document_counts: ArrayLike, num_documents: int
) -> Float[np.ndarray, " vocab"]:
    """Term frequency times inverse document frequency, summed over all documents.

        n_v (log((1 + N) / (1 + N_v)) + 1)

    for an object that occurs n_v times, in N_v of N documents; Salton & Buckley,
    *Term-weighting approaches in automatic text retrieval*, 1988, smoothed as if one
    more document contained every object once, as in scikit-learn.

    Args:
      counts: occurrences n_v of each object in training, numbers (V,).
      document_counts: number N_v of documents that each object occurs in, (V,).
      num_documents: number N of documents.

    Returns:
      float64 (V,); `largest` takes the objects with the highest scores.

    Raises:
      ValueError: counts and document_counts do not have one shape (V,), or an object
        occurs in more documents than it has occurrences, or than there are.

    Example:
      >>> tf_idf(np.array([3, 3]), np.array([1, 3]), 3).round(2).tolist()
      [5.08, 3.0]
    """
    number = np.asarray(counts, np.float64)
    spread = np.asarray(document_counts, np.float64)
    if number.ndim != 1 or number.shape != spread.shape:
        raise ValueError(
            f"counts and document_counts must both have the shape (V,), got "
            f"{number.shape} and {spread.shape}."
        )
    if not ((spread >= 0) & (spread <= number) & (spread <= num_documents)).all():
        raise ValueError(
            "document_counts must be in [0, counts], and at most num_documents = "
            f"{num_documents}."
        )
    return number * (np.log((1 + num_documents) / (1 + spread)) + 1)


def document_counts(
    tokens: ArrayLike, starts: ArrayLike, num_embeddings: int
) -> Int[np.ndarray, " vocab"]:
    """The number of documents that each object occurs in.

    Args:
      tokens: ids of all documents, concatenated, integers (n,), each in [0, V).
      starts: index of the first token of each document, ascending from 0, integers
        (m,), or (m + 1,) with the end of the last document appended.
      num_embeddings: size V of the vocabulary.

    Returns:
      int64 (V,).

    Raises:
      ValueError: tokens or starts are out of range.

    Example:
      >>> document_counts(np.array([0, 1, 0, 0]), np.array([0, 3]), 3).tolist()
      [2, 1, 0]
    """
    ids, documents = split_documents(tokens, starts, num_embeddings)
    distinct = np.unique(documents * num_embeddings + ids)
    return np.bincount(distinct % num_embeddings, minlength=num_embeddings)
