"""Working with the first K of the anchors that a table has room for.

Arrays keep the size of the largest K, and how many anchors are in use is data: nothing
is compiled anew when it changes. What is masked takes no part in the model and has no
gradient; what is taken is as small as it looks, and is what a table ships as.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from ant_jax.nonparametric.active import (
    Active,
    axis_of,
    check_any,
    check_counts,
    count_of,
    map_active,
    num_anchors,
    spread,
)
from ant_jax.params import Part

Params = TypeVar("Params")


def mask_anchors(params: Params, active: Active) -> Params:
    """Zeroes, for the model, all but the first anchors of every table.

    Rows of A and columns of T beyond the active ones are zero in the result, and in
    its derivative.

    Args:
      params: a pytree with tables of anchors, see `ant_jax.params`; everything else is
        left as it is.
      active: how many anchors of every table are active, or by the name of the table,
        where tables that are not named have all of theirs. May be traced.

    Returns:
      The pytree, of the same shapes.

    Raises:
      ValueError: there is no table of anchors, or none of a name in `active`.

    Example:
      >>> import ant_jax as ant
      >>> params = ant.AnchorParams(jnp.ones((3, 1)), jnp.ones((2, 3)))
      >>> mask_anchors(params, 2).transform.tolist()
      [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """
    check_any(params)

    def mask(part: Part, count: ArrayLike, leaf: Array) -> Array:
        return jnp.where(spread(part, count, leaf), leaf, jnp.zeros_like(leaf))

    return map_active(mask, active, params)


def take_anchors(params: Params, active: Active) -> Params:
    """Cuts every table down to its first anchors; not under `jit`.

    The cut is made in NumPy, so that a new count compiles nothing.

    Args:
      params: a pytree with tables of anchors, see `ant_jax.params`.
      active: see `mask_anchors`.

    Returns:
      The pytree, with A of shape (active, d) and T of shape (V, active).

    Raises:
      ValueError: there is no table of anchors, or `active` names one that there is not,
        more anchors than it has room for, or fewer than one.

    Example:
      >>> import ant_jax as ant
      >>> params = ant.AnchorParams(jnp.ones((3, 1)), jnp.ones((2, 3)))
      >>> take_anchors(params, 2).transform.shape
      (2, 2)
    """
    check_any(params)
    room = num_anchors(params)
    names = active if isinstance(active, Mapping) else room
    counts = {name: int(np.asarray(count_of(active, name))) for name in names}
    check_counts(counts, params)

    def take(part: Part, count: int, leaf: Any) -> Array:
        whole = np.asarray(leaf)
        rows = axis_of(part) == -2
        cut = (whole[..., :count, :] if rows else whole[..., :count]).copy()
        if isinstance(leaf, jax.Array) and leaf.is_fully_replicated:
            return jax.device_put(cut, leaf.sharding)
        return jnp.asarray(cut)

    return map_active(take, counts, params)
