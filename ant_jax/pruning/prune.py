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

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.embeddings.anchor_mixture import sparse_softmax
from ant_jax.params import Part, Table, find_tables, map_tables

Params = TypeVar("Params")
_BISECTIONS = 20


def prune(params: Params, threshold: ArrayLike, curvature: Any = None) -> Params:
    """Zeroes every entry that is worth no more than a threshold.

    Args:
      params: a pytree with sparse tables, see `ant_jax.params`: Flax variables, an
        `nnx.State`, a module, named tuples; everything else is left as it is.
      threshold: worth up to which an entry is dropped, >= 0.
      curvature: a pytree like params; None for the length that an entry adds.

    Returns:
      The pytree with sparser transforms and tables.

    Raises:
      ValueError: there is no table, or a curvature is given for a mixture.

    Example:
      >>> from ant_jax.embeddings import AnchorParams
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
      params: a pytree with sparse tables, see `ant_jax.params`.
      error: loss of parameters on the validation split, lower is better.
      tolerance: how much the loss may rise, as a share of its present value.
      curvature: see `prune`.

    Returns:
      The pruned parameters and their error, at most `(1 + tolerance)` times the error
      of `params`.

    Raises:
      ValueError: there is no table, or a curvature is given for a mixture.

    Example:
      >>> from ant_jax.embeddings import AnchorParams
      >>> params = AnchorParams(jnp.ones((1, 1)), jnp.array([[0.001], [1.0]]))
      >>> def error(params):
      ...     return float(2 - params.transform.sum())
      >>> pruned, value = prune_to_tolerance(params, error, tolerance=0.01)
      >>> pruned.transform.tolist(), round(value, 3)
      ([[0.0], [1.0]], 1.0)
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
    """Prunes to at most this number of non-zeros, over all tables together.

    Args:
      params: a pytree with sparse tables, see `ant_jax.params`.
      max_nonzeros: how many may stay in transforms and sparse tables.
      curvature: see `prune`.

    Returns:
      The pruned parameters; those of `params` when they are few enough.

    Raises:
      ValueError: max_nonzeros is negative, there is no table, or a curvature is given
        for a mixture.

    Example:
      >>> from ant_jax.embeddings import AnchorParams
      >>> params = AnchorParams(jnp.ones((1, 1)), jnp.array([[3.0], [1.0], [2.0]]))
      >>> prune_to_size(params, 2).transform.tolist()
      [[3.0], [0.0], [2.0]]
    """
    if max_nonzeros < 0:
        raise ValueError(f"max_nonzeros must be at least 0, got {max_nonzeros}.")
    if num_nonzeros(params) <= max_nonzeros:
        return params
    worths = _worths(params, curvature)
    threshold = jnp.sort(_joined(worths), descending=True)[max_nonzeros]
    return _above(params, worths, threshold)


def num_nonzeros(params: Any) -> int:
    """How many entries may still be pruned, over all tables together.

    Args:
      params: a pytree with sparse tables, see `ant_jax.params`.

    Returns:
      The non-zeros of every T, and of every table of `SparseParams`.

    Raises:
      ValueError: there is no table.

    Example:
      >>> import ant_jax as ant
      >>> params = ant.AnchorParams(jnp.ones((2, 3)), jnp.array([[0.0, 2.0]]))
      >>> num_nonzeros(params)
      1
    """
    tables = find_tables(params).values()
    return sum(int(jnp.count_nonzero(table.entries)) for table in tables)


def _above(params: Params, worths: dict[str, Array], threshold: ArrayLike) -> Params:
    def one(part: Part, leaf: Array) -> Array:
        if not part.sparse:
            return leaf
        return jnp.where(worths[part.table] > threshold, leaf, jnp.zeros_like(leaf))

    return map_tables(one, params)


def _worths(params: Any, curvature: Any) -> dict[str, Array]:
    """What every entry of every table is worth, by name of the table."""
    tables = find_tables(params)
    if curvature is None:
        return {name: _length(table) for name, table in tables.items()}
    if any(table.kind == "mixture" for table in tables.values()):
        raise ValueError("A mixture of anchors is pruned without a curvature.")
    bends = find_tables(curvature)
    return {
        name: bends[name].entries * jnp.square(table.entries)
        for name, table in tables.items()
    }


def _length(table: Table) -> Float[Array, "*models vocab columns"]:
    if table.kind == "sparse":
        return jnp.abs(table.entries)
    norms = jnp.linalg.norm(table.anchors, axis=-1)[..., None, :]
    if table.kind == "mixture":
        return sparse_softmax(table.entries) * norms
    return jnp.abs(table.entries) * norms


def _joined(worths: dict[str, Array]) -> Float[Array, " entries"]:
    return jnp.concatenate([jnp.ravel(worth) for worth in worths.values()])
