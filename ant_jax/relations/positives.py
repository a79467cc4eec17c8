"""Entries of T without penalty, for objects that are related to an anchor's object."""

import numpy as np
from jax.typing import ArrayLike
from scipy import sparse

from ant_jax.relations.graph import RelationGraph


def unpenalized(
    graph: RelationGraph, anchor_objects: ArrayLike, *, own: bool = True
) -> sparse.csr_array:
    """The complement of S(G): True where an object is related to that of an anchor.

    Section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021, penalizes `S(G) o T`
    in place of T. Few entries are exempt, so they are stored in place of S(G).
    `ant_jax.LazyRows.init` takes the sparse result; pass `unpenalized(...).toarray()`
    to the dense optimizers.

    Args:
      graph: relations, of which the positive pairs are used.
      anchor_objects: the object that each anchor was made from, integers (K,), each in
        [0, V), or -1 for an anchor without object, which stays penalized.
      own: whether an object is related to itself.

    Returns:
      Booleans (V, K), sparse.

    Raises:
      ValueError: anchor_objects are not integers of shape (K,), or are outside [-1, V).

    Example:
      >>> graph = RelationGraph(4, positive=np.array([(0, 2), (1, 2)]))
      >>> unpenalized(graph, np.array([2, -1, 0])).toarray().astype(int).tolist()
      [[1, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]]
    """
    size = graph.num_embeddings
    objects = np.asarray(anchor_objects)
    if objects.ndim != 1 or not objects.size or objects.dtype.kind not in "iu":
        raise ValueError(
            f"anchor_objects must be integers of shape (K,), got {objects.dtype} of "
            f"shape {objects.shape}."
        )
    if objects.min() < -1 or objects.max() >= size:
        raise ValueError(
            f"anchor_objects must be in [0, {size}), or -1 for none, got "
            f"{objects.min()} to {objects.max()}."
        )
    u, v = graph.positive.T
    itself = np.unique(objects[objects >= 0]) if own else np.zeros(0, np.int64)
    rows, columns = np.concatenate([u, v, itself]), np.concatenate([v, u, itself])
    related = _matrix(rows, columns, (size, size))
    anchors = np.flatnonzero(objects >= 0)
    chosen = _matrix(objects[anchors], anchors, (size, len(objects)))
    # A boolean matrix product tests reachability.
    return sparse.csr_array(related @ chosen)


def _matrix(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_array:
    ones = np.ones(len(rows), bool)
    return sparse.csr_array((ones, (rows, columns)), shape=shape)
