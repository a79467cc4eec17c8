"""Pairs of objects that are known to be alike, or not to be."""

import dataclasses

import numpy as np


def _none() -> np.ndarray:
    return np.zeros((0, 2), np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class RelationGraph:
    """Undirected relations between V objects, as two lists of pairs.

    The sets P and N of section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021.
    Whatever pairs it is made of, they are kept as int64 (n, 2), read-only, the smaller
    id first, in ascending order and once each; an object paired with itself is left
    out, and a pair that is given as both counts as negative. So the antonyms of one
    source win over the neighbors of another when graphs are united by `|`.

    Attributes:
      num_embeddings: size V of the vocabulary.
      positive: pairs of objects that are alike, integers (n, 2), each in [0, V).
      negative: pairs of objects that are not, likewise.

    Raises:
      ValueError: the size is below 1, pairs are not integers of shape (n, 2) or outside
        [0, V), or graphs of different vocabularies are united.

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
                "cannot be united: make both for the same vocabulary."
            )
        return RelationGraph(
            self.num_embeddings,
            np.concatenate([self.positive, other.positive]),
            np.concatenate([self.negative, other.negative]),
        )


def _keys(name: str, pairs: np.ndarray, size: int) -> np.ndarray:
    """One number for each pair, ascending and unique."""
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
