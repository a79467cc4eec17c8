"""Objects that occur near each other."""

import numpy as np
from jax.typing import ArrayLike
from scipy import sparse

from ant_jax.relations.documents import split_documents
from ant_jax.relations.graph import RelationGraph


def cooccurrence_counts(
    tokens: ArrayLike, starts: ArrayLike, num_embeddings: int, window: int = 10
) -> sparse.csr_array:
    """How often two objects stand at most `window` tokens apart in a document.

    Args:
      tokens: ids of all documents, concatenated, integers (n,), each in [0, V).
      starts: index of the first token of each document, ascending from 0, integers
        (m,), or (m + 1,) with the end of the last document appended.
      num_embeddings: size V of the vocabulary.
      window: how far the context of a token extends to either side.

    Returns:
      int64 (V, V), sparse and symmetric: entry (u, v) is the number of times that v
      occurs in the context of u.

    Raises:
      ValueError: tokens or starts are out of range, or the window is below 1.

    Example:
      >>> counts = cooccurrence_counts(
      ...     np.array([0, 1, 2, 0, 0]), np.array([0, 3]), 3, window=1
      ... )
      >>> counts.toarray().tolist()
      [[2, 1, 0], [1, 0, 1], [0, 1, 0]]
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}.")
    ids, documents = split_documents(tokens, starts, num_embeddings)
    shape = num_embeddings, num_embeddings
    counts = sparse.csr_array(shape, dtype=np.int64)
    for distance in range(1, min(window, len(ids) - 1) + 1):
        same = documents[distance:] == documents[:-distance]
        pair = ids[:-distance][same], ids[distance:][same]
        counts += sparse.csr_array((np.ones(len(pair[0]), np.int64), pair), shape=shape)
    return sparse.csr_array(counts + counts.T)


def positive_pmi(counts: sparse.sparray, smoothing: float = 0.75) -> sparse.csr_array:
    """Positive pointwise mutual information with smoothed contexts.

        max(log(n_uv / (n_u p_v)), 0),   p_v = n_v^a / Σ n_w^a

    Levy, Goldberg & Dagan, *Improving distributional similarity with lessons learned
    from word embeddings*, TACL 2015, section 3.2.

    Args:
      counts: co-occurrences n_uv, sparse (V, V); n_u are its row sums, n_v its column
        sums.
      smoothing: exponent a of the contexts; 1 does not smooth. Below 1 it lowers the
        scores of rare contexts.

    Returns:
      float64 (V, V), sparse, with only the positive entries stored.

    Example:
      >>> counts = sparse.csr_array([[0, 2], [2, 4]])
      >>> positive_pmi(counts, smoothing=1.0).toarray().round(2).tolist()
      [[0.0, 0.29], [0.29, 0.0]]
    """
    table = sparse.coo_array(counts, dtype=np.float64)
    rows, columns = table.sum(axis=1), table.sum(axis=0) ** smoothing
    u, v = table.coords
    share = columns[v] / max(columns.sum(), np.finfo(np.float64).tiny)
    information = np.log(table.data / (rows[u] * share))
    kept = information > 0
    return sparse.csr_array((information[kept], (u[kept], v[kept])), shape=table.shape)


def most_related(
    scores: sparse.sparray, top_n: int | None = 10, min_score: float = 0.0
) -> RelationGraph:
    """Relates every object to those that it has the highest scores with.

    Args:
      scores: sparse (V, V), such as `cooccurrence_counts` or their `positive_pmi`.
      top_n: how many objects each object chooses, the smaller id first in a tie; None
        for no limit. A pair is related if either object chooses the other.
      min_score: smallest score of a pair; scores must also be above 0.

    Returns:
      A `RelationGraph` of positive pairs.

    Raises:
      ValueError: top_n is below 1, or scores are not square.

    Example:
      >>> tokens = np.array([0, 1, 0, 1, 2])
      >>> counts = cooccurrence_counts(tokens, np.array([0]), 3, window=1)
      >>> most_related(counts, top_n=1).positive.tolist()
      [[0, 1], [1, 2]]
    """
    if top_n is not None and top_n < 1:
        raise ValueError(f"top_n must be at least 1 or None, got {top_n}.")
    table = sparse.coo_array(scores)
    if table.shape[0] != table.shape[1]:
        raise ValueError(f"scores must be of shape (V, V), got {table.shape}.")
    u, v = table.coords
    kept = (table.data > 0) & (table.data >= min_score) & (u != v)
    u, v, score = u[kept], v[kept], table.data[kept]
    if top_n is not None:
        order = np.lexsort((v, -score, u))
        u, v = u[order], v[order]
        first = np.searchsorted(u, u, side="left")
        near = np.arange(len(u)) - first < top_n
        u, v = u[near], v[near]
    return RelationGraph(table.shape[0], np.stack([u, v], axis=1))
