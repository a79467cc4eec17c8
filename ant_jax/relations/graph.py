"""Pairs of objects that are known to be related, or to be unrelated."""

import dataclasses

import numpy as np


def _none() -> np.ndarray:
    return np.zeros((0, 2), np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class RelationGraph:
    """Undirected relations between V objects, as two lists of pairs.

    The sets P and N of section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021.
    Pairs are stored as read-only int64 (n, 2), sorted and without duplicates, the
    smaller id first. Pairs of an object with itself are dropped, and a pair that is
    given as both positive and negative counts as negative: in a union by `|` the
    antonyms of one source win over the neighbors of another.

    Attributes:
      num_embeddings: size V of the vocabulary.
      positive: pairs of related objects, integers (n, 2), each in [0, V).
      negative: pairs of unrelated objects, integers (n, 2), each in [0, V).

    Raises:
      ValueError: the size is below 1, pairs are not integers of shape (n, 2) or are
        outside [0, V), or the vocabularies of a union differ in size.

    Example:
      >>> positive = np.array([(2, 0), (0, 2), (1, 3)])
      >>> graph = RelationGraph(4, positive, negative=np.array([(3, 1)]))
      >>> graph.positive.tolist(), graph.negative.tolist()
      ([[0, 2]], [[1, 3]])
    """

    num_embeddings: int
    positive: np.ndarray = dataclasses.field(default_factory=_none)
    negative: np.ndarray = dataclasses.field(default_factory=_none)

    def __post_init__(self) -> None:
        size = self.num_embeddings
        if size < 1:
            raise ValueError(f"num_embeddings must be at least 1, got {size}.")
        positive = _keys("positive", self.positive, size)
        negative = _keys("negative", self.negative, size)
        positive = np.setdiff1d(positive, negative, assume_unique=True)
        for name, keys in (("positive", positive), ("negative", negative)):
            pairs = np.stack(np.divmod(keys, size), axis=1)
            pairs.flags.writeable = False
            object.__setattr__(self, name, pairs)

    def __or__(self, other: "RelationGraph") -> "RelationGraph":
        if self.num_embeddings != other.num_embeddings:
            raise ValueError(
                f"Graphs over {self.num_embeddings} and {other.num_embeddings} objects "
                "have no union: make both for the same vocabulary."
            )
        return RelationGraph(
            self.num_embeddings,
            np.concatenate([self.positive, other.positive]),
            np.concatenate([self.negative, other.negative]),
        )


def _keys(name: str, pairs: np.ndarray, size: int) -> np.ndarray:
    """One number for each pair, sorted and without duplicates."""
    array = np.asarray(pairs)
    if not array.size:
        return np.zeros(0, np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} pairs must be integers of shape (n, 2), got {array.dtype} of "
            f"shape {array.shape}."
        )
    if array.min() < 0 or array.max() >= size:
        raise ValueError(
            f"{name} pairs must be in [0, {size}), got {array.min()} to {array.max()}."
        )
    array = array.astype(np.int64)
    low, high = array.min(axis=1), array.max(axis=1)
    return np.unique((low * size + high)[low != high])
