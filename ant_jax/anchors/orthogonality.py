"""A penalty on the similarity of anchors."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def orthogonality(
    anchors: Float[Array, "anchors features"], *, unit_norm: bool = False
) -> Float[Array, ""]:
    """How far anchors are from orthogonal: `Σ_{i≠j} (a_i · a_j)²`.

    Add it to the loss, times a weight. More than d anchors in d dimensions cannot reach
    0 and are spread evenly.

    Args:
      anchors: A, float (K, d).
      unit_norm: whether lengths other than 1 count too, `‖A Aᵀ - I‖²`: the soft
        orthogonality of Bansal, Chen & Wang, *Can we gain more from orthogonality
        regularizations in training deep networks?*, NeurIPS 2018. It also keeps A from
        growing while T, which alone is penalized, shrinks.

    Returns:
      A scalar >= 0.

    Example:
      >>> anchors = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> float(orthogonality(anchors)), float(orthogonality(anchors, unit_norm=True))
      (2.0, 18.0)
    """
    products = anchors @ anchors.T
    identity = jnp.eye(len(anchors), dtype=products.dtype)
    wanted = identity if unit_norm else products * identity
    return jnp.sum(jnp.square(products - wanted))
