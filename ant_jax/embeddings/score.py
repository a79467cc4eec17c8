"""The product of queries with every row of T A, in the cheaper order."""

import math

from jaxtyping import Array, Float


def score(
    queries: Float[Array, "... features"],
    anchors: Float[Array, "anchors features"],
    transform: Float[Array, "vocab anchors"],
) -> Float[Array, "... vocab"]:
    """`h (T A)ᵀ`, float (..., d) -> (..., V), all of one dtype.

    Taken as `(h Aᵀ) Tᵀ` or as `h (T A)ᵀ`, whichever multiplies less for these shapes.
    """
    vocab, num_anchors = transform.shape
    count, features = math.prod(queries.shape[:-1]), queries.shape[-1]
    through_anchors = count * num_anchors * (features + vocab)
    through_table = vocab * features * (num_anchors + count)
    if through_anchors <= through_table:
        return (queries @ anchors.T) @ transform.T
    return queries @ (transform @ anchors).T
