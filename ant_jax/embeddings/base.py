"""What every embedding can do, and the checks that all of them share."""

from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Inexact, Integer, PRNGKeyArray

Params = TypeVar("Params")


@runtime_checkable
class Embedding(Protocol[Params]):
    """V objects of d features each, described by a frozen and hashable value.

    The description holds no arrays. The parameters are a pytree that `init` makes and
    every other function takes, so the first four work under `jit`, `grad` and `vmap`.
    """

    method: ClassVar[str]
    """Short name of the method, which files and reports call it by."""

    @property
    def num_embeddings(self) -> int:
        """Number of objects V in the vocabulary."""

    @property
    def features(self) -> int:
        """Length d of an embedding vector."""

    def init(self, key: PRNGKeyArray) -> Params:
        """Draws fresh parameters."""

    def lookup(self, params: Params, ids: ArrayLike) -> Inexact[Array, "... features"]:
        """Embeds ids of any batch shape: int (...) -> float (..., d)."""

    def attend(
        self, params: Params, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: float (..., d) -> float (..., V)."""

    def matrix(self, params: Params) -> Inexact[Array, "vocab features"]:
        """The whole table, (V, d)."""

    def num_params(self, params: Params) -> int:
        """Embedding parameters, counted as the papers count them."""


@runtime_checkable
class Factored(Embedding[Params], Protocol[Params]):
    """An embedding that is a product, E = C B, of coefficients and a basis of K rows.

    A linear map straight after a lookup can then be folded onto the basis, which it
    meets once and not once an id: `(C[ids] B) W = C[ids] (B W)`. Where K is much
    smaller than d that is far cheaper, and it is exact but for rounding.

    An embedding whose lookup needs randomness while it is trained takes the same
    keywords in `coefficients`.
    """

    def coefficients(self, params: Params, ids: ArrayLike) -> Inexact[Array, "... K"]:
        """What each row of the basis counts for ids: int (...) -> float (..., K)."""

    def basis(self, params: Params) -> Inexact[Array, "K features"]:
        """The rows that all objects are combined of, (K, d)."""


def check_ids(ids: ArrayLike) -> Integer[Array, "..."]:
    """Returns ids as an array, or refuses what is not an integer, as Flax's Embed does.

    Raises:
      ValueError: ids are not of an integer type, or one does not fit in the widest
        that JAX has enabled, where it would wrap around to the id of another object.
    """
    try:
        array = jnp.asarray(ids)
    except OverflowError:
        raise ValueError(_too_large(ids)) from None
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(
            f"Input type must be an integer or unsigned integer, got {array.dtype}."
        )
    # Only what NumPy holds can be wider, and can be looked at without waiting.
    if isinstance(ids, np.ndarray | np.generic) and ids.size:
        limits = jnp.iinfo(array.dtype)
        for extreme in (ids.min(), ids.max()):
            if not limits.min <= extreme <= limits.max:
                raise ValueError(_too_large(extreme))
    return array


def _too_large(value: object) -> str:
    return f"Id {value} does not fit in 32 bits; set jax_enable_x64 for wider ones."


def take_rows(
    table: Inexact[Array, "vocab columns"], ids: Integer[Array, "..."]
) -> Inexact[Array, "... columns"]:
    """Rows of a table, as Flax's Embed takes them.

    An id in [-V, 0) counts from the end; one outside [-V, V) gives a row of NaN.
    """
    size = table.shape[0]
    # JAX would add V to a negative id in the id's own type, where it may overflow, and
    # cut a wide one to 32 bits.
    if ids.dtype.itemsize > 4:
        inside = ids < size
        if jnp.issubdtype(ids.dtype, jnp.signedinteger):
            inside &= ids >= -size
        ids = jnp.where(inside, ids, size)
    if ids.dtype.itemsize != 4:
        ids = ids.astype(jnp.int32)
    return jnp.take(table, ids, axis=0, mode="fill", fill_value=jnp.nan)


def check_table(table: npt.ArrayLike) -> npt.NDArray[Any]:
    """A trained table as an array (V, d), in a dtype that JAX has enabled.

    Raises:
      ValueError: it has another shape, is not of floats, or one is not finite.
    """
    array = np.asarray(table)
    if array.ndim != 2 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"table must be floats (V, d), got {array.dtype} {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError("table holds NaN or infinity.")
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def check_sizes(**sizes: int) -> None:
    """Refuses sizes that are not positive integers.

    Raises:
      ValueError: naming the first size that is wrong.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}.")


def score_dtype(dtype: DTypeLike | None, h: Array, table: Array) -> DTypeLike:
    """The dtype asked for, or that which queries and a table promote to."""
    return jnp.promote_types(h.dtype, table.dtype) if dtype is None else dtype


def cast(array: Array, dtype: DTypeLike | None) -> Array:
    """The array in the dtype asked for, or as it is when none is asked for."""
    return array if dtype is None else array.astype(dtype)
