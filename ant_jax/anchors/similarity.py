"""A T to start from: how similar each object is to each anchor."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.clustering.seeding import as_points


def nonnegative_similarity(
    vectors: ArrayLike, anchors: ArrayLike
) -> Float[Array, "vocab anchors"]:
    """The cosine between each object and each anchor, or 0 where it is negative.

    Args:
      vectors: vectors of the objects, float (V, d).
      anchors: anchors in the same space, float (K, d), such as `vectors[objects]`.

    Returns:
      float (V, K) in [0, 1]; a zero vector has the similarity 0 to all others.

    Raises:
      ValueError: vectors or anchors are not finite or have the wrong shape.

    Example:
      >>> vectors = jnp.array([[0.0, 4.0], [-1.0, 0.0], [3.0, 0.0]])
      >>> nonnegative_similarity(vectors, jnp.array([[2.0, 0.0]])).tolist()
      [[0.0], [0.0], [1.0]]
    """
    left, right = (_normalized(as_points(x)) for x in (vectors, anchors))
    return jnp.clip(left @ right.astype(left.dtype).T, 0, 1)


def _normalized(x: Array) -> Array:
    norms = jnp.linalg.norm(x, axis=1, keepdims=True)
    return x / jnp.where(norms > 0, norms, 1)
