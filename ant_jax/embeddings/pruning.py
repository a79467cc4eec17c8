"""Dropping the entries of a sparse table that carry nothing.

A stochastic proximal method never comes to rest: the noise of each batch lifts entries
off zero that the penalty would hold there on average, and at any moment many of the
non-zeros of T are such ripples. A subgradient of the penalty makes no zeros at all.
Ripples are told from the rest by what they are worth, and whether they were needed is
asked of the validation split.

Without more to go by, an entry is worth the length of what it adds to an embedding:
`|T[v, k]| |A_k|_2`, which unlike T alone does not change when a factor moves between an
anchor and its column of T, or `|E[v, j]|` of `SparseParams`. With the curvature h of a
loss (see `training.make_curvature`) it is worth `h T[v, k]^2`, by which the loss rises
when this entry alone is dropped: LeCun, Denker & Solla, *Optimal Brain Damage*, 1990.
That takes account of how often an object occurs, and of what it is multiplied by.

An entry of a mixture (see `AnchorMixtureEmbedding`) is worth `w |A_k|_2` with the
weight w that the softmax gives it. What is dropped there leaves its weight to the
others of its row, which no curvature at the entry tells.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.embeddings.anchor import AnchorParams
from ant_jax.embeddings.anchor_mixture import MixturePart, sparse_softmax
from ant_jax.embeddings.sparse import SparseParams

Params = TypeVar("Params")
_BISECTIONS = 20
_TABLES = (AnchorParams, SparseParams)


def prune(params: Params, threshold: ArrayLike, curvature: Any = None) -> Params:
    """Zeroes every entry that is worth no more than a threshold.

    Args:
      params: a pytree holding `AnchorParams` or `SparseParams`; everything else is left
        as it is.
      threshold: worth up to which an entry is dropped, >= 0.
      curvature: a pytree like params; None for the length that an entry adds.

    Returns:
      The pytree with sparser transforms and tables.

    Raises:
      ValueError: a curvature is given for a mixture.

    Example:
      >>> import jax.numpy as jnp
      >>> params = AnchorParams(jnp.array([[3.0, 4.0]]), jnp.array([[0.1], [1.0]]))
      >>> prune(params, 1.0).transform.tolist()
      [[0.0], [1.0]]
    """
    return _above(params, _worths(params, curvature), threshold)


def prune_to_tolerance(
    params: Params,
    error: Callable[[Params], float],
    tolerance: float,
    curvature: Any = None,
) -> tuple[Params, float]:
    """Prunes as far as an error allows, by bisection of the threshold.

    Args:
      params: a pytree holding `AnchorParams` or `SparseParams`.
      error: figure of parameters on the validation split, lower is better.
      tolerance: how much worse the figure may become, as a share of what it is now.
      curvature: see `prune`.

    Returns:
      The pruned parameters and their error, at most `(1 + tolerance)` times the error
      of `params`.
    """
    worths = _worths(params, curvature)
    sorted_worths = jnp.sort(_joined(worths))
    best, best_error = params, error(params)
    limit = best_error * (1 + tolerance)
    # Bisects the rank, since worths may lie many decades apart; at -1 nothing goes.
    low, high = -1, len(sorted_worths)
    for _ in range(_BISECTIONS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        candidate = _above(params, worths, sorted_worths[middle])
        candidate_error = error(candidate)
        if candidate_error <= limit:
            best, best_error, low = candidate, candidate_error, middle
        else:
            high = middle
    return best, best_error


def prune_to_size(params: Params, max_nonzeros: int, curvature: Any = None) -> Params:
    """Prunes to at most so many non-zeros, over all tables together.

    Args:
      params: a pytree holding `AnchorParams` or `SparseParams`.
      max_nonzeros: how many may stay in transforms and sparse tables.
      curvature: see `prune`.

    Returns:
      The pruned parameters; those of `params` when they are few enough.

    Raises:
      ValueError: max_nonzeros is negative.
    """
    if max_nonzeros < 0:
        raise ValueError(f"max_nonzeros must be at least 0, got {max_nonzeros}.")
    if num_nonzeros(params) <= max_nonzeros:
        return params
    worths = _worths(params, curvature)
    threshold = jnp.sort(_joined(worths), descending=True)[max_nonzeros]
    return _above(params, worths, threshold)


def num_nonzeros(params: Any) -> int:
    """How many entries may still be pruned, over all tables together."""
    # Of AnchorParams and SparseParams alike the last field is the sparse one.
    return sum(int(jnp.count_nonzero(table[-1])) for table in _tables(params))


def _is_table(node: Any) -> bool:
    return isinstance(node, _TABLES)


def _tables(params: Any) -> list[AnchorParams | SparseParams]:
    return [x for x in jax.tree.leaves(params, is_leaf=_is_table) if _is_table(x)]


def _above(params: Params, worths: list[Array], threshold: ArrayLike) -> Params:
    left = iter(worths)

    def one(table: Any) -> Any:
        if not _is_table(table):
            return table
        *dense, sparse = table
        kept = jnp.where(next(left) > threshold, sparse, jnp.zeros_like(sparse))
        return type(table)(*dense, kept)

    return jax.tree.map(one, params, is_leaf=_is_table)


def _worths(params: Any, curvature: Any) -> list[Float[Array, "vocab columns"]]:
    """What every entry of every table is worth, the tables in the order of params."""
    if curvature is None:
        return [_length(table) for table in _tables(params)]
    tables = list(zip(_tables(params), _tables(curvature), strict=True))
    if any(isinstance(table, MixturePart) for table, _ in tables):
        raise ValueError("A mixture of anchors is pruned without a curvature.")
    return [like[-1] * jnp.square(table[-1]) for table, like in tables]


def _length(table: AnchorParams | SparseParams) -> Float[Array, "vocab columns"]:
    if isinstance(table, SparseParams):
        return jnp.abs(table.embedding)
    norms = jnp.linalg.norm(table.anchors, axis=1)
    if isinstance(table, MixturePart):
        return sparse_softmax(table.transform) * norms[None, :]
    return jnp.abs(table.transform) * norms[None, :]


def _joined(worths: list[Array]) -> Float[Array, " entries"]:
    return jnp.concatenate([jnp.zeros(0), *(jnp.ravel(worth) for worth in worths)])
