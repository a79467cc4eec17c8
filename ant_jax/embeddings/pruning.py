"""Dropping the entries of T that carry nothing.

A stochastic proximal method never comes to rest: the noise of each batch lifts entries
off zero that the penalty would hold there on average, and at any moment many of the
non-zeros of T are such ripples. They are told from the rest by what they add to an
embedding, and whether they were needed is asked of the validation split.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.embeddings.anchor import AnchorParams

Params = TypeVar("Params")
_BISECTIONS = 20


def prune(params: Params, threshold: ArrayLike) -> Params:
    """Zeroes every `T[v, k]` with `|T[v, k]| |A_k|_2 <= threshold`.

    The product is the length of what the entry adds to the embedding of v; unlike T
    alone it does not change when a factor moves between an anchor and its column of T.

    Args:
      params: a pytree holding `AnchorParams`; everything else is left as it is.
      threshold: length up to which an entry is dropped, >= 0.

    Returns:
      The pytree with sparser transforms.

    Example:
      >>> import jax.numpy as jnp
      >>> params = AnchorParams(jnp.array([[3.0, 4.0]]), jnp.array([[0.1], [1.0]]))
      >>> prune(params, 1.0).transform.tolist()
      [[0.0], [1.0]]
    """

    def one(table: Any) -> Any:
        if not _is_table(table):
            return table
        keep = _lengths(table) > threshold
        zero = jnp.zeros_like(table.transform)
        return table._replace(transform=jnp.where(keep, table.transform, zero))

    return jax.tree.map(one, params, is_leaf=_is_table)


def prune_to_tolerance(
    params: Params, error: Callable[[Params], float], tolerance: float
) -> tuple[Params, float]:
    """Prunes as far as an error allows, by bisection of the threshold.

    Args:
      params: a pytree holding `AnchorParams`.
      error: figure of parameters on the validation split, lower is better.
      tolerance: how much worse the figure may become, as a share of what it is now.

    Returns:
      The pruned parameters and their error, at most `(1 + tolerance)` times the error
      of `params`.
    """
    best, best_error = params, error(params)
    limit = best_error * (1 + tolerance)
    low, high = 0.0, _longest(params)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        candidate = prune(params, middle)
        candidate_error = error(candidate)
        if candidate_error <= limit:
            best, best_error, low = candidate, candidate_error, middle
        else:
            high = middle
    return best, best_error


def prune_to_size(params: Params, max_nonzeros: int) -> Params:
    """Prunes to at most so many non-zeros of T, over all tables together.

    Args:
      params: a pytree holding `AnchorParams`.
      max_nonzeros: how many may stay.

    Returns:
      The pruned parameters; those of `params` when they are few enough.

    Raises:
      ValueError: max_nonzeros is negative.
    """
    if max_nonzeros < 0:
        raise ValueError(f"max_nonzeros must be at least 0, got {max_nonzeros}.")
    each = [jnp.ravel(_lengths(table)) for table in _tables(params)]
    lengths = jnp.concatenate(each) if each else jnp.zeros(0)
    if int(jnp.count_nonzero(lengths)) <= max_nonzeros:
        return params
    return prune(params, jnp.sort(lengths, descending=True)[max_nonzeros])


def _is_table(node: Any) -> bool:
    return isinstance(node, AnchorParams)


def _tables(params: Any) -> list[AnchorParams]:
    return [x for x in jax.tree.leaves(params, is_leaf=_is_table) if _is_table(x)]


def _lengths(table: AnchorParams) -> Float[Array, "vocab anchors"]:
    norms = jnp.linalg.norm(table.anchors, axis=1)
    return jnp.abs(table.transform) * norms[None, :]


def _longest(params: Any) -> float:
    longest = (float(jnp.max(_lengths(table))) for table in _tables(params))
    return max(longest, default=0.0)
