"""Matrix products, summed as in `ant_jax.ops.combine`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats

# Rows processed at a time: few enough for their sums to stay in the cache.
BLOCK = 4096


def ordered_product(
    weights: NDArray[Any], matrix: NDArray[Any], *, subnormal: bool
) -> NDArray[Any]:
    """`weights @ matrix` in ascending order, each product rounded before it is added.

    Args:
      weights: (n, K), in the dtype of the sums.
      matrix: (K, d), in the same dtype.
      subnormal: whether a product or a sum might be subnormal, which XLA flushes to
        zero on a CPU.

    Returns:
      The sums, (n, d).
    """
    out = np.zeros((weights.shape[0], matrix.shape[1]), matrix.dtype)
    add = _add_flushed if subnormal else _add
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for begin in range(0, weights.shape[0], BLOCK):
            block = slice(begin, begin + BLOCK)
            add(out[block], weights[block], matrix)
    return out


def may_be_subnormal(weights: NDArray[Any], matrix: NDArray[Any]) -> bool:
    """Whether products of entries, or sums of such products, might be subnormal.

    They cannot be if no factor is and no product is below tiny / eps: then every sum is
    a multiple of tiny.
    """
    limits = np.finfo(matrix.dtype)
    tiny, eps = float(limits.tiny), float(limits.eps)
    smallest = [np.abs(x[x != 0]) for x in (weights, matrix)]
    if not all(x.size for x in smallest):
        return False
    weight, entry = (float(x.min()) for x in smallest)
    return min(weight, entry) < tiny or weight * entry < tiny / eps


def _add(out: NDArray[Any], weights: NDArray[Any], matrix: NDArray[Any]) -> None:
    product = np.empty_like(out)
    for weight, row in zip(weights.T, matrix, strict=True):
        np.multiply(weight[:, None], row, out=product)
        out += product


def _add_flushed(
    out: NDArray[Any], weights: NDArray[Any], matrix: NDArray[Any]
) -> None:
    weights, matrix = floats.flush(weights), floats.flush(matrix)
    for weight, row in zip(weights.T, matrix, strict=True):
        out[...] = floats.flush(out + floats.flush(weight[:, None] * row))
