"""k-means: seeds that lie far apart, and centers of clusters."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ant_jax.clustering import seeding

# Points compared with all centers at a time.
_BLOCK = 4096


def kmeans_plus_plus(
    key: PRNGKeyArray,
    points: ArrayLike,
    k: int,
    *,
    chosen: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Int[Array, " k"]:
    """Draws k objects one by one, preferring those far from all before.

    The probability of an object is proportional to its squared distance to the nearest
    one chosen so far; Arthur & Vassilvitskii, *k-means++: the advantages of careful
    seeding*, SODA 2007. It takes k passes over the points and no array larger than
    (n,).

    Args:
      key: PRNG key.
      points: vectors, float (n, d), in the space of the distances, such as GloVe
        vectors or `cooccurrence_vectors`.
      k: how many objects to choose, including those in `chosen`.
      chosen: objects that are already chosen, integers (m,); None for none, where the
        first object is drawn in proportion to `weights`.
      weights: factor of each squared distance, float (n,), such as counts; an object of
        weight 0 is never drawn. None for ones.

    Returns:
      Distinct ids, int32 (k,), those in `chosen` first.

    Raises:
      ValueError: points are not finite or not of shape (n, d), weights or chosen
        objects do not fit, or there are fewer than k objects to choose from.

    Example:
      >>> points = jnp.array([[0.0], [0.1], [9.0]])
      >>> key = jax.random.key(0)
      >>> kmeans_plus_plus(key, points, 2, chosen=jnp.array([0])).tolist()
      [0, 2]
    """
    array = seeding.as_points(points)
    factors = seeding.as_weights(weights, array)
    allowed = factors > 0
    given = seeding.as_chosen(chosen, k, allowed)
    first_key, key = jax.random.split(key)
    if not len(given):
        given = _proportional(first_key, factors, allowed)[None].astype(jnp.int32)
    return seeding.choose(
        key,
        array,
        allowed,
        given,
        factors,
        select=_proportional,
        num_drawn=k - len(given),
    )


def lloyd(
    points: ArrayLike,
    centroids: ArrayLike,
    num_iterations: int,
    *,
    weights: ArrayLike | None = None,
) -> tuple[Float[Array, "clusters features"], Int[Array, " objects"]]:
    """k-means: moves each center to the mean of the points that are nearest to it.

    Lloyd, *Least squares quantization in PCM*, 1982, from centers such as
    `points[kmeans_plus_plus(key, points, k)]`.

    Args:
      points: vectors, float (n, d).
      centroids: centers to start from, float (k, d). A center that is nearest to no
        point stays in place.
      num_iterations: how often to assign the points and move the centers.
      weights: weights of the points in the means, float (n,); None for ones.

    Returns:
      The centers, float (k, d), and the nearest of them for each point, int32 (n,).

    Raises:
      ValueError: points or weights are not finite or do not fit, or num_iterations is
        negative.

    Example:
      >>> points = jnp.array([[0.0], [2.0], [9.0]])
      >>> centroids, assignment = lloyd(points, points[:2], 5)
      >>> centroids.tolist(), assignment.tolist()
      ([[1.0], [9.0]], [0, 0, 1])
    """
    if num_iterations < 0:
        raise ValueError(f"num_iterations must be at least 0, got {num_iterations}.")
    array = seeding.as_points(points)
    factors = seeding.as_weights(weights, array)
    centers = _centers(centroids, array)
    return _lloyd(array, centers, factors, num_iterations)


def nearest_objects(
    points: ArrayLike,
    centroids: ArrayLike,
) -> Int[np.ndarray, " clusters"]:
    """The nearest object of each center in turn, skipping objects that are taken.

    Args:
      points: vectors of the objects, float (n, d).
      centroids: centers, float (k, d), such as those of `lloyd`.

    Returns:
      Distinct ids, int64 (k,).

    Raises:
      ValueError: there are more centers than objects, or they differ in dimension.

    Example:
      >>> points = jnp.array([[0.0], [2.0], [9.0]])
      >>> nearest_objects(points, jnp.array([[1.9], [2.1]])).tolist()
      [1, 0]
    """
    given = seeding.as_points(points)
    centers = np.asarray(_centers(centroids, given))
    array = np.asarray(given)
    seeding.check_count(len(centers), len(array))
    free = np.ones(len(array), bool)
    chosen = np.zeros(len(centers), np.int64)
    for i, centroid in enumerate(centers):
        distances = np.sum(np.square(array - centroid), axis=1)
        chosen[i] = np.argmin(np.where(free, distances, np.inf))
        free[chosen[i]] = False
    return chosen


def _centers(
    centroids: ArrayLike, points: Float[Array, "objects features"]
) -> Float[Array, "clusters features"]:
    centers = seeding.as_points(centroids).astype(points.dtype)
    if centers.shape[1] != points.shape[1]:
        raise ValueError(
            f"Centers of shape {centers.shape} do not fit points of shape "
            f"{points.shape}."
        )
    return centers


def _proportional(
    key: PRNGKeyArray, scores: Float[Array, " objects"], free: Bool[Array, " objects"]
) -> Int[Array, ""]:
    # Objects at distance 0 are drawn only if there are no others.
    scores = jnp.maximum(scores, jnp.finfo(scores.dtype).tiny)
    return jax.random.categorical(key, jnp.where(free, jnp.log(scores), -jnp.inf))


@functools.partial(jax.jit, static_argnames="num_iterations")
def _lloyd(
    points: Array, centroids: Array, weights: Array, num_iterations: int
) -> tuple[Array, Array]:
    # Centered, since the comparison below loses digits far from zero.
    middle = jnp.mean(points, axis=0, keepdims=True)
    points = points - middle

    def assign(centroids: Array) -> Array:
        halves = 0.5 * jnp.sum(jnp.square(centroids), axis=1)

        def nearest(point: Array) -> Array:
            return jnp.argmin(halves - centroids @ point).astype(jnp.int32)

        return jax.lax.map(nearest, points, batch_size=_BLOCK)

    def move(_: Array, centroids: Array) -> Array:
        assignment = assign(centroids)
        total = jax.ops.segment_sum(weights, assignment, len(centroids))[:, None]
        weighted = points * weights[:, None]
        sums = jax.ops.segment_sum(weighted, assignment, len(centroids))
        means = sums / jnp.where(total > 0, total, 1)
        return jnp.where(total > 0, means, centroids)

    centroids = jax.lax.fori_loop(0, num_iterations, move, centroids - middle)
    return centroids + middle, assign(centroids)
