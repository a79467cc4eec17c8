"""A linear layer straight after a lookup, moved onto the anchors."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def fold_kernel(
    kernel: Float[Array, "... features outputs"],
    basis: Float[Array, "anchors features"],
) -> Float[Array, "... anchors outputs"]:
    """The kernel that takes rows of T where `kernel` takes their embeddings.

    An embedding `t A` that goes through a linear map W gives `(t A) W = t (A W)`: with
    K anchors instead of d features the map costs K / d of what it did. It is exact,
    gradients with respect to t, A and W included, as long as nothing that is not
    linear stands between the lookup and the map; the order of the sums differs.

    Args:
      kernel: of a dense layer, (d, F), of an LSTM's input projection, or of a
        convolution, (w, d, F).
      basis: the anchors A, (K, d), or what else the embedding's rows are combinations
        of; see `embeddings.Factored`.

    Returns:
      `A W`, shape (..., K, F).

    Example:
      >>> import jax.numpy as jnp
      >>> kernel, anchors = jnp.ones((4, 2)), jnp.ones((3, 4))
      >>> fold_kernel(kernel, anchors).shape
      (3, 2)
    """
    return jnp.einsum("...df,kd->...kf", kernel, basis)
