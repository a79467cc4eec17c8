"""Vectors of objects from the objects that they co-occur with."""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import sparse
from scipy.sparse import linalg

from ant_jax.relations.cooccurrence import positive_pmi


def cooccurrence_vectors(
    key: PRNGKeyArray,
    counts: sparse.sparray,
    features: int,
    smoothing: float = 0.75,
) -> Float[np.ndarray, "vocab features"]:
    """Vectors `U √S` from the truncated SVD `U S Vᵀ` of the positive PMI.

    Levy, Goldberg & Dagan, *Improving distributional similarity with lessons learned
    from word embeddings*, TACL 2015, with p = 1/2 in their section 3.3. An object that
    never occurs with another one has the vector 0.

    Args:
      key: PRNG key of the vector that the iteration starts from, which hardly affects
        the result.
      counts: co-occurrences, sparse (V, V), such as `cooccurrence_counts`.
      features: length d of a vector, below V.
      smoothing: see `ant_jax.relations.positive_pmi`.

    Returns:
      float32 (V, d), the features in descending order of their singular values, each
      with its largest entry positive.

    Raises:
      ValueError: features is not in [1, V).

    Example:
      >>> counts = sparse.csr_array([[0, 2, 0], [2, 0, 1], [0, 1, 0]])
      >>> vectors = cooccurrence_vectors(jax.random.key(0), counts, features=1)
      >>> (0 + vectors[:, 0].astype(float).round(2)).tolist()
      [0.74, 0.0, 0.74]
    """
    size = counts.shape[0]
    if not 1 <= features < size:
        raise ValueError(f"features must be in [1, {size}), got {features}.")
    start = np.asarray(jax.random.normal(key, (size,)), np.float64)
    left, values, _ = linalg.svds(positive_pmi(counts, smoothing), features, v0=start)
    order = np.argsort(-values, kind="stable")
    vectors = left[:, order] * np.sqrt(values[order])
    # The sign of a singular vector is arbitrary.
    peaks = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], axis=0)
    return (vectors * np.where(peaks < 0, -1, 1)).astype(np.float32)
