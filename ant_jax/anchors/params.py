"""Parameters of an `AnchorEmbedding` from anchors that were chosen."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray

from ant_jax.embeddings.anchor import AnchorEmbedding, AnchorParams
from ant_jax.embeddings.ids import check_objects


def from_objects(
    emb: AnchorEmbedding,
    key: PRNGKeyArray,
    objects: ArrayLike,
    vectors: ArrayLike | None = None,
    *,
    transform: ArrayLike | None = None,
    one_hot: bool = True,
) -> AnchorParams:
    """Makes anchors of objects: each of these starts as its own anchor.

    Anchors of several origins are made one set at a time: a part of the parameters of
    an `AnchorMixtureEmbedding` is `MixturePart(*from_objects(emb, ...))`, where `emb`
    is an `AnchorEmbedding` of as many anchors as the part has.

    Args:
      emb: the embedding.
      key: key of `emb.init`, which draws whatever is not given.
      objects: the object of each anchor, distinct integers (K,), each in [0, V).
      vectors: of all objects, float (V, d); an anchor starts as the vector of its
        object. None leaves A as it is drawn.
      transform: the first T, float (V, K), >= 0, such as
        `nonnegative_similarity(vectors, vectors[objects])`. None leaves T as it is
        drawn.
      one_hot: whether the row of an object with an anchor is 1 there and 0 elsewhere,
        so that the embedding of the object is its anchor.

    Returns:
      The parameters.

    Raises:
      ValueError: there are not K distinct objects in [0, V), or vectors or transform
        are of another shape, not finite, or T is negative.

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
            f"objects must be {count}, one for each anchor, got {len(ids)}."
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
    """Starts the anchors at vectors that need not be those of an object.

    Args:
      emb: the embedding.
      key: key of `emb.init`, which draws whatever is not given.
      centroids: A, float (K, d), such as the centers of `lloyd`.
      transform: the first T, float (V, K), >= 0. None leaves T as it is drawn.
      assignment: in place of `transform`, the anchor that each object starts as,
        integers (V,), each in [0, K).

    Returns:
      The parameters.

    Raises:
      ValueError: an array is of another shape, not finite, or T is negative, an
        assignment is out of range, or both transform and assignment are given.
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
