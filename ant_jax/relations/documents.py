"""Documents as one array of tokens, and where each of them begins."""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Int


def split_documents(
    tokens: ArrayLike, starts: ArrayLike, num_embeddings: int
) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " tokens"]]:
    """Checks documents and says which of them each token belongs to.

    Args:
      tokens: ids of all documents one after the other, integers (n,), in [0, V).
      starts: where each document begins, ascending integers from 0 on (m,), or (m + 1,)
        with the end of the last one behind them.
      num_embeddings: size V of the vocabulary.

    Returns:
      The tokens and the number of the document of each, int64 (n,).

    Raises:
      ValueError: tokens or starts are not integers of such shapes or out of range.
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
