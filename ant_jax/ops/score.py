"""The product of queries with every row of T A, in the cheaper order."""

import math

from jaxtyping import Array, Float


def score(
    queries: Float[Array, "... features"],
    anchors: Float[Array, "anchors features"],
    transform: Float[Array, "vocab anchors"],
) -> Float[Array, "... vocab"]:
    """Logits `h (T A)ᵀ`, as `(h Aᵀ) Tᵀ` or `h (T A)ᵀ`, whichever multiplies less.

    Args:
      queries: h, float (..., d).
      anchors: A, float (K, d), of the same dtype.
      transform: T, float (V, K), of the same dtype.

    Returns:
      float (..., V), of the same dtype.

    Example:
      >>> import jax.numpy as jnp
      >>> anchors, transform = jnp.array([[1.0, 2.0]]), jnp.array([[0.0], [3.0]])
      >>> score(jnp.array([1.0, 1.0]), anchors, transform).tolist()
      [0.0, 9.0]
    """
    vocab, num_anchors = transform.shape
    count, features = math.prod(queries.shape[:-1]), queries.shape[-1]
    through_anchors = count * num_anchors * (features + vocab)
    through_table = vocab * features * (num_anchors + count)
    if through_anchors <= through_table:
        return (queries @ anchors.T) @ transform.T
    return queries @ (transform @ anchors).T
