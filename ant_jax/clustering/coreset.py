"""Small sets of objects that represent all of them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ant_jax.clustering import seeding


def k_center(
    points: ArrayLike,
    k: int,
    *,
    chosen: ArrayLike | None = None,
) -> Int[Array, " k"]:
    """Chooses k objects, each the farthest from all those before it.

    Greedy k-center: no object is farther from the nearest chosen one than twice the
    optimum for k. Gonzalez, *Clustering to minimize the maximum intercluster distance*,
    1985; as a coreset, Sener & Savarese, *Active learning for convolutional neural
    networks*, ICLR 2018. Nothing is random.

    Args:
      points: vectors, float (n, d).
      k: how many objects to choose, including those in `chosen`.
      chosen: objects that are already chosen, integers (m,); None starts with the
        object nearest to the mean.

    Returns:
      Distinct ids, int32 (k,), those in `chosen` first.

    Raises:
      ValueError: see `kmeans_plus_plus`.

    Example:
      >>> k_center(jnp.array([[0.0], [4.0], [5.0], [9.0]]), 3).tolist()
      [1, 3, 0]
    """
    array = seeding.as_points(points)
    allowed = jnp.ones(len(array), bool)
    given = seeding.as_chosen(chosen, k, allowed)
    if not len(given):
        distances = jnp.sum(jnp.square(array - array.mean(0, keepdims=True)), axis=1)
        given = jnp.argmin(distances)[None].astype(jnp.int32)
    return seeding.choose(
        jax.random.key(0),
        array,
        allowed,
        given,
        jnp.ones(len(array), array.dtype),
        select=_farthest,
        num_drawn=k - len(given),
    )


def lightweight_coreset(
    key: PRNGKeyArray, points: ArrayLike, size: int
) -> tuple[Int[np.ndarray, " size"], Float[np.ndarray, " size"]]:
    """Draws a weighted sample on which k-means costs about as much as on all points.

    Algorithm 1 of Bachem, Lucic & Krause, *Scalable k-means clustering via lightweight
    coresets*, KDD 2018: an object is drawn with probability `q(x) = 1 / (2 n) + d(x,
    mean)² / (2 Σ d²)` and has the weight 1 / (size q). For vocabularies that are too
    large to cluster, cluster `points[ids]` with these weights.

    Args:
      key: PRNG key.
      points: vectors, float (n, d).
      size: how many objects to draw, with replacement.

    Returns:
      Ids, int64 (size,), and their weights, float64 (size,), whose sum is n on average.

    Raises:
      ValueError: points are not finite or not of shape (n, d), or size is below 1.

    Example:
      >>> points = jnp.array([[0.0], [2.0]])
      >>> ids, weights = lightweight_coreset(jax.random.key(0), points, 4)
      >>> ids.shape, weights.tolist()
      ((4,), [0.5, 0.5, 0.5, 0.5])
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}.")
    array = seeding.as_points(points)
    deviations = jnp.sum(jnp.square(array - array.mean(0, keepdims=True)), axis=1)
    squares = np.asarray(deviations, np.float64)
    uniform = np.full(len(squares), 1 / len(squares))
    total = squares.sum()
    chances = (uniform + squares / total) / 2 if total else uniform
    # Not by JAX, whose float32 is too coarse for the probabilities of many objects.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    ids = rng.choice(len(chances), size, p=chances)
    return ids, 1 / (size * chances[ids])


def _farthest(
    key: PRNGKeyArray, scores: Float[Array, " objects"], free: Bool[Array, " objects"]
) -> Int[Array, ""]:
    del key
    return jnp.argmax(jnp.where(free, scores, -1))
