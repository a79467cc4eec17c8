"""Choosing objects one by one, depending on their distances to those before."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ant_jax.dtypes import accumulator

Select = Callable[[PRNGKeyArray, Array, Array], Array]


@functools.partial(jax.jit, static_argnames=("select", "num_drawn"))
def choose(
    key: PRNGKeyArray,
    points: Float[Array, "objects features"],
    allowed: Bool[Array, " objects"],
    given: Int[Array, " given"],
    weights: Float[Array, " objects"],
    *,
    select: Select,
    num_drawn: int,
) -> Int[Array, " chosen"]:
    """Chooses objects one by one, after at least one given object.

    Args:
      key: PRNG key.
      points: vectors, float (n, d).
      allowed: which objects may be drawn, bool (n,).
      given: objects that are already chosen, int32 (m,), m >= 1.
      weights: factors of the squared distances, float (n,).
      select: `select(key, scores, free)` returns an object, given the weighted squared
        distances to the nearest chosen object and which objects may still be drawn.
      num_drawn: how many to draw.

    Returns:
      Ids, int32 (m + num_drawn,), the given ones first.
    """

    def to(chosen: Array) -> Array:
        return jnp.sum(jnp.square(points - points[chosen][None]), axis=1)

    def add(distances: Array, chosen: Array) -> tuple[Array, None]:
        return jnp.minimum(distances, to(chosen)), None

    def draw(state: tuple[Array, Array], key: Array) -> tuple[Any, Array]:
        distances, free = state
        chosen = select(key, distances * weights, free).astype(jnp.int32)
        distances, _ = add(distances, chosen)
        return (distances, free.at[chosen].set(False)), chosen

    distances, _ = jax.lax.scan(add, to(given[0]), given[1:])
    state = distances, allowed.at[given].set(False)
    _, drawn = jax.lax.scan(draw, state, jax.random.split(key, num_drawn))
    return jnp.concatenate([given, drawn])


def as_points(points: ArrayLike) -> Float[Array, "objects features"]:
    """Points as floats that are wide enough to compute distances.

    Raises:
      ValueError: they are not finite floats of shape (n, d).
    """
    array = jnp.asarray(points)
    if array.ndim != 2 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"points must be floats of shape (n, d), got {array.dtype} of shape "
            f"{array.shape}."
        )
    if not bool(jnp.isfinite(array).all()):
        raise ValueError(
            "points must be finite: give objects without a vector zeros and the weight "
            "0."
        )
    return array.astype(accumulator(array.dtype))


def as_weights(
    weights: ArrayLike | None, points: Float[Array, "objects features"]
) -> Float[Array, " objects"]:
    """Weights of points, scaled to a maximum of 1; ones if None.

    Raises:
      ValueError: they are not finite numbers >= 0, one for each point.
    """
    if weights is None:
        return jnp.ones(len(points), points.dtype)
    array = np.asarray(weights, np.float64)
    if array.shape != (len(points),) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"weights must be {len(points)} finite numbers >= 0, one for each point."
        )
    return jnp.asarray(array / max(array.max(), 1e-300), points.dtype)


def as_chosen(
    chosen: ArrayLike | None, k: int, allowed: Bool[Array, " objects"]
) -> Int[Array, " given"]:
    """Objects that are chosen before any is drawn; none if None.

    Raises:
      ValueError: they are not distinct ids, are more than k, or leave too few to draw.
    """
    size = len(allowed)
    check_count(k, size)
    given = np.zeros(0, np.int64) if chosen is None else np.asarray(chosen)
    ids = set(given.ravel().tolist())
    if (
        given.ndim != 1
        or (given.size and given.dtype.kind not in "iu")
        or not len(given) == len(ids) <= k
        or not all(0 <= v < size for v in ids)
    ):
        raise ValueError(f"chosen must be at most k = {k} distinct ids in [0, {size}).")
    given = given.astype(np.int64)
    may = np.array(allowed)
    may[given] = False
    if (left := np.count_nonzero(may)) < k - len(given):
        raise ValueError(
            f"{k - len(given)} more objects must be chosen, but only {left} have a "
            "weight above 0."
        )
    return jnp.asarray(given, jnp.int32)


def check_count(k: int, size: int) -> None:
    """Raises an error if k is not a number of distinct objects out of `size`.

    Raises:
      ValueError: k is not in [1, size].
    """
    if not 1 <= k <= size:
        raise ValueError(f"k must be in [1, {size}], the number of objects, got {k}.")
