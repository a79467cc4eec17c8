"""Mixed dimensions: frequent objects have longer vectors."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.embeddings import base
from ant_jax.embeddings.initializers import default_full
from ant_jax.ops.combine import combine
from ant_jax.ops.ids import check_ids, locate
from ant_jax.ops.score import score


class MixedDimensionParams(NamedTuple):
    """Parameters of a `MixedDimensionEmbedding`.

    Attributes:
      tables: one float (V_i, d_i) for each block.
      projections: the P_i (d_i, d) of all blocks with d_i != d, stacked, float (_, d).

    Example:
      >>> tables = jnp.array([[1.0, 2.0]]), jnp.array([[3.0]])
      >>> params = MixedDimensionParams(tables, projections=jnp.array([[1.0, 10.0]]))
      >>> emb = MixedDimensionEmbedding(2, block_sizes=(1, 1), block_features=(2, 1))
      >>> emb.matrix(params).tolist()
      [[1.0, 2.0], [3.0, 30.0]]
    """

    tables: tuple[Float[Array, "_ _"], ...]
    projections: Float[Array, "_ features"]


class _Block(NamedTuple):
    start: int  # id of its first object
    size: int  # V_i
    rows: slice | None  # its rows of the projections; None if d_i = d


@dataclasses.dataclass(frozen=True)
class MixedDimensionEmbedding:
    """Blocks of objects, each with a table of its own width, projected to a common d.

    Ginart, Naumov, Mudigere, Yang, Zou, *Mixed dimension embeddings with application to
    memory-efficient recommendation systems*, 2019. Ids are sorted by falling frequency
    and cut into blocks of V_i objects each. The vector of an object of block i is
    `E_i[v - start_i] P_i`, or the row of E_i itself if d_i = d.

    In matrix form E = W P, with the tables on the diagonal of W and the projections P_i
    stacked in P.

    Attributes:
      features: common length d of an embedding vector.
      block_sizes: number V_i of objects in each block; their sum is V.
      block_features: length d_i of the rows of each block.
      dtype: dtype that `lookup`, `attend` and `matrix` return; None keeps
        `param_dtype`.
      param_dtype: dtype of all parameters.
      table_init: initializer of each table, called with (key, (V_i, d_i), param_dtype).
        With both defaults the entries of E have variance 1 / d, as in a
        `FullEmbedding`.
      projection_init: initializer of each projection, called with (key, (d_i, d),
        param_dtype).

    Raises:
      ValueError: a size is not a positive integer, or the two tuples differ in length.

    Example:
      >>> import jax
      >>> emb = MixedDimensionEmbedding(
      ...     features=16, block_sizes=(100, 900), block_features=(16, 4)
      ... )
      >>> emb.num_embeddings, emb.num_params(emb.init(jax.random.key(0)))
      (1000, 5264)
    """

    method: ClassVar[str] = "mixed_dimension"

    features: int
    block_sizes: tuple[int, ...]
    block_features: tuple[int, ...]
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    table_init: Initializer = default_full
    projection_init: Initializer = default_full

    def __post_init__(self) -> None:
        base.check_sizes(features=self.features)
        for i, size in enumerate(self.block_sizes):
            base.check_sizes(**{f"block_sizes[{i}]": size})
        for i, size in enumerate(self.block_features):
            base.check_sizes(**{f"block_features[{i}]": size})
        if not self.block_sizes or len(self.block_sizes) != len(self.block_features):
            raise ValueError(
                "block_sizes and block_features must have one entry for each block, "
                f"got {len(self.block_sizes)} and {len(self.block_features)} entries."
            )

    @classmethod
    def from_counts(
        cls,
        counts: npt.ArrayLike,
        features: int,
        *,
        num_blocks: int,
        temperature: float,
        first_features: int | None = None,
        **fields: Any,
    ) -> "MixedDimensionEmbedding":
        """Chooses blocks and their widths by how often each object occurs.

        Blocks are cut so that each holds 1 / k of all occurrences: a block ends with
        the object that reaches its share. An object of block i then occurs with a
        probability p_i proportional to 1 / V_i, and its width follows as `d_i = d_0
        (p_i / p_0)^temperature`, rounded to the nearest power of two on a logarithmic
        scale and clipped to [1, d_0]. Adjacent blocks that need no projection are
        merged.

        Args:
          counts: occurrences of each object, (V,), falling. Add one if some objects of
            the vocabulary may not occur at all.
          features: common length d.
          num_blocks: number k of shares; there may be fewer blocks.
          temperature: the exponent; 0 gives every object the same width.
          first_features: width d_0 of the most frequent objects, d by default.
          **fields: the other fields of the description.

        Returns:
          The description.

        Raises:
          ValueError: counts are not a falling sequence of finite, non-negative numbers
            that begins above zero, a size is not a positive integer, or the temperature
            is negative or infinite.

        Example:
          >>> emb = MixedDimensionEmbedding.from_counts(
          ...     [8, 4, 4, 2, 2, 2, 2], features=8, num_blocks=3, temperature=1.0
          ... )
          >>> emb.block_sizes, emb.block_features
          ((1, 2, 4), (8, 4, 2))
        """
        first = features if first_features is None else first_features
        base.check_sizes(features=features, num_blocks=num_blocks, first_features=first)
        if not 0 <= temperature < float("inf"):
            raise ValueError(
                f"temperature must be finite and not negative, got {temperature}."
            )
        sizes = _equal_shares(np.asarray(counts, np.float64), num_blocks)
        lengths = first * (sizes[0] / sizes) ** temperature
        lengths = np.exp2(np.round(np.log2(np.maximum(lengths, 1)))).astype(int)
        lengths[0] = first
        blocks = []
        for full, group in itertools.groupby(
            zip(sizes.tolist(), np.minimum(lengths, first).tolist(), strict=True),
            key=lambda block: block[1] == features,
        ):
            members = list(group)
            if full:
                members = [(sum(size for size, _ in members), features)]
            blocks += members
        return cls(
            features,
            block_sizes=tuple(size for size, _ in blocks),
            block_features=tuple(length for _, length in blocks),
            **fields,
        )

    @property
    def num_embeddings(self) -> int:
        """Number of objects V in the vocabulary."""
        return sum(self.block_sizes)

    def init(self, key: PRNGKeyArray) -> MixedDimensionParams:
        """Draws tables (V_i, d_i) and projections (d_i, d). See `Embedding.init`."""
        tables, projections = [], []
        for i, (size, length) in enumerate(
            zip(self.block_sizes, self.block_features, strict=True)
        ):
            table_key, projection_key = jax.random.split(jax.random.fold_in(key, i))
            tables.append(self.table_init(table_key, (size, length), self.param_dtype))
            if length != self.features:
                shape = (length, self.features)
                projections.append(
                    self.projection_init(projection_key, shape, self.param_dtype)
                )
        if not projections:
            projections = [jnp.zeros((0, self.features), self.param_dtype)]
        return MixedDimensionParams(tuple(tables), jnp.concatenate(projections))

    def lookup(
        self, params: MixedDimensionParams, ids: ArrayLike
    ) -> Float[Array, "... features"]:
        """Embeds ids: `W[ids] P`. See `Embedding.lookup`.

        On a CPU and outside differentiation, vectors equal those of the saved table bit
        for bit.
        """
        objects, inside = locate(check_ids(ids), self.num_embeddings)
        short, whole = [], []
        for table, block in zip(params.tables, self._blocks(), strict=True):
            row = objects - block.start
            here = (row >= 0) & (row < block.size)
            row = jnp.where(here, row, block.size)
            # Zeros where an object is in another block, as in W.
            rows = jnp.take(table, row, axis=0, mode="fill", fill_value=0)
            rows = base.cast(rows, self.dtype)
            if block.rows is None:
                whole.append((here, rows))
            else:
                short.append(rows)
        if short:
            weights = jnp.concatenate(short, axis=-1)
            vectors = combine(weights, base.cast(params.projections, self.dtype))
        else:
            vectors = jnp.zeros_like(whole[0][1])
        for here, rows in whole:
            vectors = jnp.where(here[..., None], rows, vectors)
        return jnp.where(inside[..., None], vectors, jnp.nan)

    def attend(
        self, params: MixedDimensionParams, h: Float[Array, "... features"]
    ) -> Float[Array, "... vocab"]:
        """Scores queries against every object: `h Eᵀ`. See `Embedding.attend`."""
        dtype = base.score_dtype(self.dtype, h, params.projections)
        h, projections = h.astype(dtype), params.projections.astype(dtype)
        scores = []
        for table, block in zip(params.tables, self._blocks(), strict=True):
            table = table.astype(dtype)
            if block.rows is None:
                scores.append(h @ table.T)
            else:
                scores.append(score(h, projections[block.rows], table))
        return jnp.concatenate(scores, axis=-1)

    def matrix(self, params: MixedDimensionParams) -> Float[Array, "vocab features"]:
        """The whole table, (V, d), as one product a block. See `Embedding.matrix`."""
        projections = base.cast(params.projections, self.dtype)
        vectors = []
        for table, block in zip(params.tables, self._blocks(), strict=True):
            table = base.cast(table, self.dtype)
            full = block.rows is None
            vectors.append(table if full else table @ projections[block.rows])
        return jnp.concatenate(vectors)

    def num_params(self, params: MixedDimensionParams) -> int:
        """All entries of tables and projections. See `Embedding.num_params`."""
        return sum(table.size for table in params.tables) + params.projections.size

    def _blocks(self) -> Iterator[_Block]:
        start = row = 0
        for size, length in zip(self.block_sizes, self.block_features, strict=True):
            if length == self.features:
                yield _Block(start, size, None)
            else:
                yield _Block(start, size, slice(row, row + length))
                row += length
            start += size


def _equal_shares(
    counts: npt.NDArray[np.float64], num_blocks: int
) -> npt.NDArray[np.int64]:
    """Sizes of blocks that each hold one share of all occurrences, or a little more."""
    falls = counts.ndim == 1 and counts.size and (counts[1:] <= counts[:-1]).all()
    if not falls or not np.isfinite(counts).all() or counts[0] <= 0 or counts[-1] < 0:
        raise ValueError(
            "counts must be a falling sequence of finite, non-negative numbers that "
            "begins above zero: number the objects by falling frequency first."
        )
    reached = np.cumsum(counts)
    ends: list[int] = []
    before = 0.0
    while not ends or ends[-1] < counts.size:
        goal = before + reached[-1] / num_blocks
        last = min(int(np.searchsorted(reached, goal)), counts.size - 1)
        ends.append(last + 1)
        before = reached[last]
    return np.diff(ends, prepend=0)
