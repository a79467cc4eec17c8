"""Objects that share tags, such as the genres of movies."""

import numpy as np
from jax.typing import ArrayLike
from scipy import sparse

from ant_jax.relations.graph import RelationGraph

# Rows of the table of shared tags held in memory at a time.
_BLOCK = 1024


def tag_relations(
    num_embeddings: int,
    objects: ArrayLike,
    tags: ArrayLike,
    *,
    min_shared: int = 1,
    among: ArrayLike | None = None,
) -> RelationGraph:
    """Relates objects that share tags.

    Args:
      num_embeddings: size V of the vocabulary.
      objects: objects that have tags, integers (n,), each in [0, V).
      tags: the tag of each of them, integers (n,), >= 0. Repeated pairs count once.
      min_shared: how many tags two related objects must share.
      among: restricts the result to pairs with one of these objects, integers (k,). The
        objects of the anchors suffice for `unpenalized`, whereas a tag of n objects
        makes n² pairs in all. None for no restriction.

    Returns:
      A `RelationGraph` of positive pairs.

    Raises:
      ValueError: objects and tags are not integers of one length or are out of range,
        or min_shared is below 1.

    Example:
      >>> objects, tags = np.array([0, 1, 2, 2]), np.array([5, 5, 5, 6])
      >>> tag_relations(3, objects, tags).positive.tolist()
      [[0, 1], [0, 2], [1, 2]]
    """
    if min_shared < 1:
        raise ValueError(f"min_shared must be at least 1, got {min_shared}.")
    owner, tag = _integers("objects", objects), _integers("tags", tags)
    if len(owner) != len(tag):
        raise ValueError(
            "objects and tags must have the same length, got "
            f"{len(owner)} and {len(tag)}."
        )
    chosen = np.arange(num_embeddings) if among is None else _integers("among", among)
    for name, ids in (("objects", owner), ("among", chosen)):
        if ids.size and not 0 <= ids.min() <= ids.max() < num_embeddings:
            raise ValueError(f"{name} must be in [0, {num_embeddings}).")
    if tag.size and tag.min() < 0:
        raise ValueError(f"tags must be >= 0, got {tag.min()}.")
    names, tag = np.unique(tag, return_inverse=True)
    has = sparse.csr_array(
        (np.ones(len(owner), np.int64), (owner, tag)),
        shape=(num_embeddings, len(names)),
    )
    has.data[:] = 1  # repeated pairs were summed
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        shared = (has[block] @ has.T).tocoo()
        u, v = (index[shared.data >= min_shared] for index in shared.coords)
        u = block[u]
        if among is None:
            u, v = u[u < v], v[u < v]
        pairs.append(np.stack([u, v], axis=1))
    return RelationGraph(num_embeddings, np.concatenate(pairs))


def _integers(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be integers of one dimension, got {array.dtype} of shape "
            f"{array.shape}."
        )
    return array.astype(np.int64)
