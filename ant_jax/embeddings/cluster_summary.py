"""How close a clustering is to the hard assignment that is exported."""

import dataclasses

import numpy as np

from ant_jax.embeddings.cluster import ClusterParams

# Objects processed at a time, which bounds the memory needed beside the logits.
_BLOCK = 1 << 14


@dataclasses.dataclass(frozen=True)
class ClusterSummary:
    """Result of `cluster_summary`.

    Attributes:
      num_clusters: number k of clusters.
      num_dead: clusters that are the most probable one of no object, so that nothing
        reads their vectors.
      largest_share: share of the objects that are in the largest cluster.
      entropy: entropy of `softmax(logits)` in nats, averaged over the objects: 0 if all
        are decided, log k if all are undecided.
      soft_share: share of the objects whose mean vector differs from the exported one.

    Example:
      >>> import jax.numpy as jnp
      >>> logits = jnp.array([[9.0, 0.0], [9.0, 0.0]])
      >>> found = cluster_summary(ClusterParams(logits, jnp.eye(2)))
      >>> found.num_clusters, found.num_dead, found.largest_share
      (2, 1, 1.0)
    """

    num_clusters: int
    num_dead: int
    largest_share: float
    entropy: float
    soft_share: float


def cluster_summary(params: ClusterParams, tolerance: float = 0.1) -> ClusterSummary:
    """Measures how close the soft clusters of training are to the exported assignment.

    Args:
      params: parameters of a `ClusterEmbedding`; for the other cluster embeddings pass
        `params.clusters`.
      tolerance: relative distance up to which the vector of an object's most probable
        cluster counts as equal to its mean vector, `ClusterEmbedding.soft_lookup`.

    Returns:
      A `ClusterSummary`.

    Raises:
      ValueError: the tolerance is negative, or the logits are not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> logits = jnp.array([[9.0, 0.0, 0.0], [0.0, 0.0, -9.0]])
      >>> found = cluster_summary(ClusterParams(logits, jnp.eye(3)))
      >>> found.num_dead, found.soft_share, round(found.entropy, 2)
      (2, 0.5, 0.35)
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance!r}.")
    vectors = np.asarray(params.embedding).astype(np.float64)
    size, num_clusters = params.logits.shape
    counts = np.zeros(num_clusters, np.int64)
    entropy, soft = 0.0, 0
    for begin in range(0, size, _BLOCK):
        logits = np.asarray(params.logits[begin : begin + _BLOCK]).astype(np.float64)
        if not np.isfinite(logits).all():
            raise ValueError("The logits are not finite: training has diverged.")
        hard = logits.argmax(axis=1)
        counts += np.bincount(hard, minlength=num_clusters)
        log_weights = logits - logits.max(axis=1, keepdims=True)
        log_weights -= np.log(np.exp(log_weights).sum(axis=1, keepdims=True))
        weights = np.exp(log_weights)
        entropy -= float((weights * log_weights).sum())
        distance = np.linalg.norm(weights @ vectors - vectors[hard], axis=1)
        length = np.linalg.norm(vectors[hard], axis=1)
        soft += int(np.count_nonzero(distance > tolerance * length))
    return ClusterSummary(
        num_clusters=num_clusters,
        num_dead=int(np.count_nonzero(counts == 0)),
        largest_share=float(counts.max() / size),
        entropy=entropy / size,
        soft_share=soft / size,
    )
