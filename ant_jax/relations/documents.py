"""Documents as one array of tokens, and the index at which each of them starts."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Int


def split_documents(
    tokens: ArrayLike, starts: ArrayLike, num_embeddings: int
) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " tokens"]]:
    """Checks documents and finds the document of each token.

    Args:
      tokens: ids of all documents, concatenated, integers (n,), each in [0, V).
      starts: index of the first token of each document, ascending from 0, integers
        (m,), or (m + 1,) with the end of the last document appended.
      num_embeddings: size V of the vocabulary.

    Returns:
      The tokens, and the index of the document of each, int64 (n,).

    Raises:
      ValueError: tokens or starts are not integers of these shapes or are out of range.

    Example:
      >>> _, documents = split_documents(np.array([5, 3, 5]), np.array([0, 2]), 6)
      >>> documents.tolist()
      [0, 0, 1]
    """
    ids, first = np.asarray(tokens), np.asarray(starts)
    for name, array in (("tokens", ids), ("starts", first)):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(
                f"{name} must be integers of one dimension, got {array.dtype} of "
                f"shape {array.shape}."
            )
    ids, first = ids.astype(np.int64), first.astype(np.int64)
    if ids.size and not 0 <= ids.min() <= ids.max() < num_embeddings:
        raise ValueError(
            f"tokens must be in [0, {num_embeddings}), got {ids.min()} to {ids.max()}."
        )
    bounds = np.append(first, len(ids))
    if bounds[0] != 0 or (np.diff(bounds) < 0).any():
        raise ValueError(
            f"starts must begin at 0 and ascend to at most {len(ids)} tokens."
        )
    return ids, np.repeat(np.arange(len(first)), np.diff(bounds))
