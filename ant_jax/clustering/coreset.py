"""Few objects that stand for all of them."""

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
    """Takes the object that is farthest from all those taken before, k times.

    Greedy k-center: no object is farther from the nearest chosen one than twice what
    the best choice of k could reach. Gonzalez, *Clustering to minimize the maximum
    intercluster distance*, 1985; as a coreset, Sener & Savarese, *Active learning for
    convolutional neural networks*, ICLR 2018. Nothing is drawn.

    Args:
      points: vectors (n, d).
      k: how many objects to choose, the given ones among them.
      chosen: objects that are chosen already, (m,); None begins with the object that is
        nearest to the mean.

    Returns:
      Distinct ids, int32 (k,), the given ones first.

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
    """Draws a weighted sample on which k-means costs about what it costs on all.

    Algorithm 1 of Bachem, Lucic & Krause, *Scalable k-means clustering via lightweight
    coresets*, KDD 2018: with `q(x) = 1/2n + d(x, mean)² / 2 Σ d²`, an object is drawn
    with the chance q, and weighs 1 / (size q). For vocabularies too large to cluster:
    cluster `points[ids]` with these weights.

    Args:
      key: key of the draws.
      points: vectors (n, d).
      size: how many draws to make, with replacement.

    Returns:
      Ids, int64 (size,), and their weights, float64 (size,), which sum up to n on
      average.

    Raises:
      ValueError: points are not finite or not of shape (n, d), or size is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}.")
    array = seeding.as_points(points)
    deviations = jnp.sum(jnp.square(array - array.mean(0, keepdims=True)), axis=1)
    squares = np.asarray(deviations, np.float64)
    uniform = np.full(len(squares), 1 / len(squares))
    total = squares.sum()
    chances = (uniform + squares / total) / 2 if total else uniform
    # Not drawn by JAX, whose float32 is too coarse for the chances of many objects.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    ids = rng.choice(len(chances), size, p=chances)
    return ids, 1 / (size * chances[ids])


def _farthest(
    key: PRNGKeyArray, scores: Float[Array, " objects"], free: Bool[Array, " objects"]
) -> Int[Array, ""]:
    del key
    return jnp.argmax(jnp.where(free, scores, -1))
