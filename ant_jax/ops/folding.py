"""A linear layer right after a lookup, moved onto the anchors."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def fold_kernel(
    kernel: Float[Array, "... features outputs"],
    basis: Float[Array, "anchors features"],
) -> Float[Array, "... anchors outputs"]:
    """The kernel that acts on rows of T as `kernel` acts on their embeddings.

    For an embedding `t A` and a linear map W, `(t A) W = t (A W)`: with K anchors in
    place of d features the map takes K / d of its time. The two are equal, including
    gradients with respect to t, A and W, up to the order of sums, as long as nothing
    nonlinear stands between the lookup and the map.

    Args:
      kernel: kernel of a dense layer or of an LSTM's input projection, float (d, F), or
        of a convolution, float (w, d, F).
      basis: the anchors A, float (K, d), or any other basis, see `embeddings.Factored`.

    Returns:
      `A W`, float (..., K, F).

    Example:
      >>> import jax.numpy as jnp
      >>> kernel, anchors = jnp.ones((4, 2)), jnp.ones((3, 4))
      >>> fold_kernel(kernel, anchors).tolist()
      [[4.0, 4.0], [4.0, 4.0], [4.0, 4.0]]
    """
    return jnp.einsum("...df,kd->...kf", kernel, basis)
