"""Vocabulary selection: a row for each kept object, and one row for all others."""

import dataclasses
import functools
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int32, PRNGKeyArray
from numpy.typing import NDArray

from ant_jax.embeddings import base
from ant_jax.embeddings.full import FullEmbedding, FullParams
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.ids import Objects, check_ids, check_objects, locate, take_rows


class SelectedParams(NamedTuple):
    """Parameters of a `SelectedEmbedding`.

    Attributes:
      embedding: float (u + 1, d), the shared row last.

    Example:
      >>> params = SelectedParams(jnp.array([[1.0], [2.0], [9.0]]))
      >>> emb = SelectedEmbedding(num_embeddings=4, features=1, kept=[0, 3])
      >>> emb.matrix(params).tolist()
      [[1.0], [9.0], [9.0], [2.0]]
    """

    embedding: Float[Array, "rows features"]


@dataclasses.dataclass(frozen=True)
class SelectedEmbedding:
    """A table with a row for each of u kept objects and one row for all others.

    A truncated vocabulary, in which all objects that were cut off are one unknown
    object. There are several ways to choose the kept objects: the most frequent ones,
    tf-idf, the non-zero rows of a group lasso (`kept_rows`), or variational dropout
    (`VariationalVocabularyEmbedding.shrink`).

    Attributes:
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      kept: ids of the u kept objects in any order, distinct and in [0, V); stored as a
        sorted tuple, so that descriptions with the same objects are equal.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of the rows.
      embedding_init: initializer of the rows, called with (key, (u + 1, d),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or an id is not an integer, outside
        [0, V) or repeated.

    Example:
      >>> import jax
      >>> emb = SelectedEmbedding(num_embeddings=1000, features=16, kept=range(9))
      >>> emb.num_params(emb.init(jax.random.key(0)))
      160
    """

    method: ClassVar[str] = "selected"

    num_embeddings: int
    features: int
    kept: Objects
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(num_embeddings=self.num_embeddings, features=self.features)
        kept = check_objects(self.kept, self.num_embeddings, "kept")
        object.__setattr__(self, "kept", tuple(np.sort(kept).tolist()))

    # Cached, since jit hashes the description at every call and `kept` may be long.
    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, f.name) for f in dataclasses.fields(self)))

    @functools.cached_property
    def rows(self) -> NDArray[np.int32]:
        """The row of each object, int32 (V,); u for objects that are not kept."""
        rows = np.full(self.num_embeddings, len(self.kept), np.int32)
        rows[list(self.kept)] = np.arange(len(self.kept), dtype=np.int32)
        rows.flags.writeable = False
        return rows

    def init(self, key: PRNGKeyArray) -> SelectedParams:
        """Draws the rows, (u + 1, d). See `Embedding.init`."""
        shape = (len(self.kept) + 1, self.features)
        return SelectedParams(self.embedding_init(key, shape, self.param_dtype))

    def lookup(
        self, params: SelectedParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: an object's row, or the shared row. See `Embedding.lookup`."""
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        rows = jnp.where(inside, self._rows()[objects], len(self.kept) + 1)
        return base.cast(take_rows(params.embedding, rows), self.dtype)

    def attend(
        self, params: SelectedParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`.

        Queries are scored against the u + 1 rows, and each object takes the score of
        its row.
        """
        dtype = base.score_dtype(self.dtype, h, params.embedding)
        scores = h.astype(dtype) @ params.embedding.astype(dtype).T
        return scores[..., self._rows()]

    def matrix(self, params: SelectedParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d). See `Embedding.matrix`."""
        return base.cast(take_rows(params.embedding, self._rows()), self.dtype)

    def num_params(self, params: SelectedParams) -> int:
        """(u + 1) d, every row. See `Embedding.num_params`.

        Papers that cut off a vocabulary count u d.
        """
        return params.embedding.size

    def _rows(self) -> Int32[Array, " vocab"]:
        return jnp.asarray(self.rows)


def select_rows(
    emb: FullEmbedding,
    params: FullParams,
    kept: Objects,
    shared: ArrayLike | None = None,
) -> tuple[SelectedEmbedding, SelectedParams]:
    """Takes the rows of the kept objects out of a full table.

    Args:
      emb: description of the full table, whose dtypes are kept.
      params: the full table.
      kept: ids of the objects that keep their rows, see `SelectedEmbedding`.
      shared: row (d,) of all other objects, such as that of an unknown word. None takes
        the mean of the rows that are left out, which is closest to them, or zeros if no
        row is left out.

    Returns:
      The description and its parameters.

    Raises:
      ValueError: see `SelectedEmbedding`.

    Example:
      >>> emb = FullEmbedding(num_embeddings=3, features=1)
      >>> table = FullParams(jnp.array([[1.0], [3.0], [8.0]]))
      >>> _, params = select_rows(emb, table, [2])
      >>> params.embedding.tolist()
      [[8.0], [2.0]]
    """
    selected = SelectedEmbedding(
        emb.num_embeddings, emb.features, kept, emb.dtype, emb.param_dtype
    )
    table = params.embedding
    left_out = (selected.rows == len(selected.kept))[:, None]
    if shared is None:
        # Divided first, so that a sum of many rows does not overflow.
        shares = jnp.where(left_out, table / max(int(left_out.sum()), 1), 0)
        shared = jnp.sum(shares, axis=0)
    own = table[np.array(selected.kept, np.int32)]
    last = jnp.asarray(shared, table.dtype)[None]
    return selected, SelectedParams(jnp.concatenate([own, last]))


def kept_rows(params: FullParams) -> NDArray[np.intp]:
    """Ids of the objects whose rows are not zero, as a group lasso leaves them.

    Yuan and Lin, *Model selection and estimation in regression with grouped variables*,
    2006, with the row of an object as its group. A proximal optimizer with
    `prox=ant_jax.optim.group_soft_threshold` makes whole rows of a `FullEmbedding`
    exactly zero; a subgradient of the penalty does not.

    Args:
      params: the full table (V, d).

    Returns:
      Ids in ascending order, integers (u,).

    Example:
      >>> kept_rows(FullParams(jnp.array([[0.0, 0.0], [0.0, 2.0]]))).tolist()
      [1]
    """
    return np.flatnonzero(np.asarray(jnp.any(params.embedding != 0, axis=1)))
