"""The protocols of embeddings, and the checks that all embeddings share."""

import functools
import inspect
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Inexact, PRNGKeyArray

Params = TypeVar("Params")


@runtime_checkable
class Embedding(Protocol[Params]):
    """V objects with vectors of d features, described by a frozen and hashable value.

    The description holds no arrays. The parameters are a pytree that `init` makes and
    every other method takes, so `init`, `lookup`, `attend` and `matrix` work under
    `jit`, `grad` and `vmap`.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.embeddings import FullEmbedding, FullParams
      >>> emb = FullEmbedding(num_embeddings=2, features=2)
      >>> params = FullParams(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
      >>> emb.lookup(params, jnp.array([1, -1, 5])).tolist()
      [[3.0, 4.0], [3.0, 4.0], [nan, nan]]
      >>> emb.attend(params, jnp.array([1.0, 1.0])).tolist()
      [3.0, 7.0]
      >>> emb.num_params(params), isinstance(emb, Embedding)
      (4, True)
    """

    method: ClassVar[str]
    """Short name of the method, used in files and reports."""

    @property
    def num_embeddings(self) -> int:
        """Number of objects V in the vocabulary."""

    @property
    def features(self) -> int:
        """Length d of an embedding vector."""

    def init(self, key: PRNGKeyArray) -> Params:
        """Draws fresh parameters.

        Args:
          key: PRNG key.

        Returns:
          The parameters, a pytree of arrays whose floats are of the description's
          `param_dtype`.
        """

    def lookup(self, params: Params, ids: ArrayLike) -> Inexact[Array, "... features"]:
        """Embeds ids: row v of the table E for each id v.

        Args:
          params: the parameters.
          ids: integers of any shape (...) and type, each in [0, V). As in Flax's
            `Embed`, an id in [-V, 0) counts from the end.

        Returns:
          Vectors, float (..., d), in the description's `dtype`, or in that of the
          parameters if it is None; NaN for an id outside [-V, V).

        Raises:
          ValueError: ids are not integers, or one of them does not fit in the widest
            integer type that JAX has enabled.
        """

    def attend(
        self, params: Params, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`, the tied output layer.

        Args:
          params: the parameters.
          h: queries, float (..., d).

        Returns:
          Logits, float (..., V), in the description's `dtype`, or in the one that `h`
          and the parameters promote to if it is None.
        """

    def matrix(self, params: Params) -> Inexact[Array, "vocab features"]:
        """The whole table E.

        Args:
          params: the parameters.

        Returns:
          float (V, d), equal to `lookup` of every id up to rounding, in the same dtype.
        """

    def num_params(self, params: Params) -> int:
        """Counts the parameters as the papers do, without indices.

        Args:
          params: the parameters. Where zeros are left out of the count they must be
            concrete, which they are not under `jit`.

        Returns:
          The number of parameters.
        """


@runtime_checkable
class Factored(Embedding[Params], Protocol[Params]):
    """An embedding that is a product E = C B, coefficients (V, K) times a basis (K, d).

    A linear map W straight after a lookup can then be folded onto the basis: `(C[ids]
    B) W = C[ids] (B W)`, where W is applied once to K rows and not to every id; see
    `ant_jax.ops.folding`. It is exact up to rounding, and far cheaper where K is much
    smaller than d.

    An embedding whose `lookup` takes a `key` takes the same keywords in
    `coefficients`.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.embeddings import AnchorEmbedding, AnchorParams
      >>> emb = AnchorEmbedding(num_embeddings=2, features=2, num_anchors=1)
      >>> params = AnchorParams(jnp.array([[1.0, 2.0]]), jnp.array([[0.0], [3.0]]))
      >>> ids = jnp.array([1])
      >>> emb.coefficients(params, ids).tolist(), emb.basis(params).tolist()
      ([[3.0]], [[1.0, 2.0]])
      >>> emb.lookup(params, ids).tolist()
      [[3.0, 6.0]]
    """

    def coefficients(self, params: Params, ids: ArrayLike) -> Inexact[Array, "... K"]:
        """The weight of each basis row in the vector of each id: `C[ids]`.

        Args:
          params: the parameters.
          ids: see `Embedding.lookup`.

        Returns:
          float (..., K), in the dtype of `Embedding.lookup`.

        Raises:
          ValueError: see `Embedding.lookup`.
        """

    def basis(self, params: Params) -> Inexact[Array, "K features"]:
        """The rows B that every vector is combined from.

        Args:
          params: the parameters.

        Returns:
          float (K, d), in the dtype of `Embedding.lookup`.
        """


class Noisy(Embedding[Params], Protocol[Params]):
    """An embedding whose lookup draws noise in training.

    Without a key the lookup is that of the saved table. At run time `isinstance` cannot
    tell this protocol from `Embedding`, since only an argument differs: use
    `takes_noise`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from ant_jax.embeddings import ClusterEmbedding, ClusterParams
      >>> emb = ClusterEmbedding(num_embeddings=1, features=1, num_clusters=2)
      >>> params = ClusterParams(jnp.array([[0.0, 1.0]]), jnp.array([[2.0], [3.0]]))
      >>> emb.lookup(params, jnp.array([0])).tolist()
      [[3.0]]
      >>> noisy = emb.lookup(params, jnp.array([0]), key=jax.random.key(0))
      >>> bool(noisy[0, 0] < 3)
      True
    """

    def lookup(
        self, params: Params, ids: ArrayLike, *, key: PRNGKeyArray | None = None
    ) -> Inexact[Array, "... features"]:
        """Embeds ids, with noise for every occurrence if there is a key.

        Args:
          params: see `Embedding.lookup`.
          ids: see `Embedding.lookup`.
          key: PRNG key of the noise; None for what is shipped.

        Returns:
          Vectors, float (..., d), see `Embedding.lookup`.

        Raises:
          ValueError: see `Embedding.lookup`.
        """


def takes_noise(description: Embedding[Any]) -> bool:
    """Whether the lookup of a description takes a key, so that it is `Noisy`.

    Args:
      description: the embedding.

    Returns:
      True or False.

    Example:
      >>> from ant_jax.embeddings import ClusterEmbedding, FullEmbedding
      >>> takes_noise(ClusterEmbedding(5, 4, num_clusters=2))
      True
      >>> takes_noise(FullEmbedding(5, 4))
      False
    """
    return _lookup_takes_key(type(description))


@functools.cache
def _lookup_takes_key(description: type[Any]) -> bool:
    return "key" in inspect.signature(description.lookup).parameters


def check_table(table: npt.ArrayLike) -> npt.NDArray[Any]:
    """Returns a trained table as an array (V, d) in a dtype that JAX has enabled.

    Raises:
      ValueError: the shape or dtype is wrong, or an entry is not finite.
    """
    array = np.asarray(table)
    if array.ndim != 2 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"table must be floats (V, d), got {array.dtype} {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError("table must be finite, but holds NaN or infinity.")
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def check_sizes(**sizes: int) -> None:
    """Raises an error for sizes that are not positive integers.

    Raises:
      ValueError: naming the first wrong size.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}.")


def score_dtype(dtype: DTypeLike | None, h: Array, table: Array) -> DTypeLike:
    """The requested dtype, or the one that queries and table promote to."""
    return jnp.promote_types(h.dtype, table.dtype) if dtype is None else dtype


def cast(array: Array, dtype: DTypeLike | None) -> Array:
    """The array in the requested dtype, or unchanged if that is None."""
    return array if dtype is None else array.astype(dtype)
