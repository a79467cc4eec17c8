"""How much an object says about the documents it is in."""

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
    more document held every object once, as scikit-learn does.

    Args:
      counts: occurrences n_v of each object in training, (V,).
      document_counts: documents N_v that each occurs in, (V,).
      num_documents: number N of documents.

    Returns:
      float64 (V,); `largest` takes the objects that score highest.

    Raises:
      ValueError: counts are not of one shape (V,), or there are objects in more
        documents than they have occurrences or than there are.

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
            "An object occurs in at least 0 documents, in at most as many as it has "
            f"occurrences, and in at most all {num_documents}."
        )
    return number * (np.log((1 + num_documents) / (1 + spread)) + 1)


def document_counts(
    tokens: ArrayLike, starts: ArrayLike, num_embeddings: int
) -> Int[np.ndarray, " vocab"]:
    """In how many documents each object occurs.

    Args:
      tokens: ids of all documents one after the other, integers (n,), in [0, V).
      starts: where each document begins, ascending integers from 0 on (m,), or (m + 1,)
        with the end of the last one behind them.
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
