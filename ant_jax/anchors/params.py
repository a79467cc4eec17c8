"""Parameters of an `AnchorEmbedding` with chosen anchors."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray

from ant_jax.embeddings.anchor import AnchorEmbedding, AnchorParams
from ant_jax.ops.ids import check_objects


def from_objects(
    emb: AnchorEmbedding,
    key: PRNGKeyArray,
    objects: ArrayLike,
    vectors: ArrayLike | None = None,
    *,
    transform: ArrayLike | None = None,
    one_hot: bool = True,
) -> AnchorParams:
    """Makes anchors from objects, each of which starts as its own anchor.

    For anchors of several origins make one set at a time: one part of the parameters of
    an `AnchorMixtureEmbedding` is `MixturePart(*from_objects(emb, ...))`, where `emb`
    is an `AnchorEmbedding` with the number of anchors of that part.

    Args:
      emb: the embedding.
      key: PRNG key of `emb.init`, which draws everything that is not given.
      objects: the object of each anchor, distinct integers (K,), each in [0, V).
      vectors: vectors of all objects, float (V, d); an anchor starts as the vector of
        its object. None keeps A as drawn.
      transform: T to start from, float (V, K), >= 0, such as
        `nonnegative_similarity(vectors, vectors[objects])`. None keeps T as drawn.
      one_hot: whether the row of an object with an anchor is 1 at that anchor and 0
        elsewhere, so that the embedding of the object is its anchor.

    Returns:
      The parameters.

    Raises:
      ValueError: objects are not K distinct ids in [0, V), or vectors or transform have
        the wrong shape, are not finite, or T is negative.

    Example:
      >>> import jax
      >>> emb = AnchorEmbedding(num_embeddings=3, features=2, num_anchors=2)
      >>> params = from_objects(emb, jax.random.key(0), np.array([2, 0]))
      >>> params.transform[jnp.array([2, 0])].tolist()
      [[1.0, 0.0], [0.0, 1.0]]
    """
    count, size = emb.num_anchors, emb.num_embeddings
    ids = check_objects(objects, size, "objects")
    if len(ids) != count:
        raise ValueError(
            f"objects must be {count} ids, one for each anchor, got {len(ids)}."
        )
    anchors = None
    if vectors is not None:
        given = _given("vectors", vectors, (size, emb.features))
        anchors = given[jnp.asarray(ids)]
    params = _start(emb, key, anchors, transform)
    if not one_hot:
        return params
    rows = jnp.eye(count, dtype=params.transform.dtype)
    return params._replace(transform=params.transform.at[jnp.asarray(ids)].set(rows))


def from_centroids(
    emb: AnchorEmbedding,
    key: PRNGKeyArray,
    centroids: ArrayLike,
    *,
    transform: ArrayLike | None = None,
    assignment: ArrayLike | None = None,
) -> AnchorParams:
    """Makes anchors from vectors, which need not be those of objects.

    Args:
      emb: the embedding.
      key: PRNG key of `emb.init`, which draws everything that is not given.
      centroids: A, float (K, d), such as the centers of `lloyd`.
      transform: T to start from, float (V, K), >= 0. None keeps T as drawn.
      assignment: in place of `transform`, the anchor that each object starts as,
        integers (V,), each in [0, K).

    Returns:
      The parameters.

    Raises:
      ValueError: an array has the wrong shape or is not finite, T is negative, an
        assignment is out of range, or both transform and assignment are given.

    Example:
      >>> import jax
      >>> emb = AnchorEmbedding(num_embeddings=3, features=1, num_anchors=2)
      >>> centroids, assignment = np.array([[1.0], [9.0]]), np.array([0, 0, 1])
      >>> key = jax.random.key(0)
      >>> params = from_centroids(emb, key, centroids, assignment=assignment)
      >>> emb.matrix(params).tolist()
      [[1.0], [1.0], [9.0]]
    """
    count, size = emb.num_anchors, emb.num_embeddings
    if assignment is not None:
        if transform is not None:
            raise ValueError("Give either transform or assignment, not both.")
        to = np.asarray(assignment)
        if to.shape != (size,) or to.dtype.kind not in "iu":
            raise ValueError(
                f"assignment must be integers of shape ({size},), got {to.dtype} of "
                f"shape {to.shape}."
            )
        if to.min() < 0 or to.max() >= count:
            raise ValueError(f"assignment must be in [0, {count}).")
        transform = np.equal(to[:, None], np.arange(count)).astype(np.float32)
    anchors = _given("centroids", centroids, (count, emb.features))
    return _start(emb, key, anchors, transform)


def _start(
    emb: AnchorEmbedding,
    key: PRNGKeyArray,
    anchors: Array | None,
    transform: ArrayLike | None,
) -> AnchorParams:
    params = emb.init(key)
    if anchors is not None:
        params = params._replace(anchors=anchors.astype(emb.param_dtype))
    if transform is not None:
        shape = emb.num_embeddings, emb.num_anchors
        given = _given("transform", transform, shape)
        if bool((given < 0).any()):
            raise ValueError("transform must be >= 0.")
        params = params._replace(transform=given.astype(emb.param_dtype))
    return params


def _given(name: str, array: ArrayLike, shape: tuple[int, int]) -> Array:
    given = jnp.asarray(array)
    if given.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {given.shape}.")
    if not bool(jnp.isfinite(given).all()):
        raise ValueError(f"{name} must be finite.")
    return given
