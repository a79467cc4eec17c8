"""Mixed dimensions: a table for each block of objects, and their projections."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.codecs.product import may_be_subnormal, ordered_product
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import UNSIGNED, Tensors, narrowest


class _Block(NamedTuple):
    start: int  # id of its first object
    table: NDArray[Any]  # (V_i, d_i), as stored
    rows: slice | None  # its rows of the projections; None if d_i = d


@dataclasses.dataclass(frozen=True, eq=False)
class MixedDimensionRows(Rows):
    """The tables and the projections.

    Attributes:
      blocks: the blocks in the order of their objects.
      projections: the projections of all blocks that have one, stacked, (D, d), in the
        dtype of the sums.
      dtype: name of the dtype of the tables.
      subnormal: whether a product or a sum might be subnormal.
    """

    blocks: tuple[_Block, ...]
    projections: NDArray[Any]
    dtype: str
    subnormal: bool

    @property
    def num_params(self) -> int:
        """Every entry of the tables and of the projections."""
        return sum(b.table.size for b in self.blocks) + self.projections.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The row of each id in the table of its block, times the projection."""
        count, features = self.projections.shape
        out = np.empty((ids.size, features), self.projections.dtype)
        starts = [block.start for block in self.blocks]
        of = np.searchsorted(starts, ids, side="right") - 1
        for i, block in enumerate(self.blocks):
            (places,) = np.nonzero(of == i)
            weights = floats.widen(block.table[ids[places] - block.start], self.dtype)
            if block.rows is None:
                out[places] = weights
                continue
            projection = self.projections[block.rows]
            if self.subnormal:
                # The columns of other blocks matter here: adding their +0 turns a sum
                # that was flushed to -0 into +0.
                projection, short = self.projections, weights
                weights = np.zeros((places.size, count), projection.dtype)
                weights[:, block.rows] = short
            out[places] = ordered_product(weights, projection, subnormal=self.subnormal)
        return out

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        sizes, lengths = emb.block_sizes, emb.block_features
        if len(params.tables) != len(sizes):
            raise ValueError(
                f"There are {len(params.tables)} tables, but the description has "
                f"{len(sizes)} blocks."
            )
        values = []
        for i, shape in enumerate(zip(sizes, lengths, strict=True)):
            table = to_numpy(params.tables[i], f"tables[{i}]", *shape)
            values.append(store(table, f"tables[{i}]", stored_dtype).reshape(-1))
        count = sum(length for length in lengths if length != emb.features)
        shape = count, emb.features
        projections = to_numpy(params.projections, "projections", *shape)
        tensors = {
            "blocks.values": np.concatenate(values),
            "blocks.sizes": np.array(sizes, narrowest(max(sizes))),
            "blocks.features": np.array(lengths, narrowest(max(lengths))),
            "projections": store(projections, "projections", stored_dtype),
        }
        num_params = tensors["blocks.values"].size + projections.size
        return Packed(tensors, {"num_blocks": len(sizes)}, num_params)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "MixedDimensionRows":
        """See `Rows.unpack`."""
        if header.options.keys() != {"num_blocks"}:
            raise ValueError(f"options are {header.options!r}, expected num_blocks")
        num_blocks, dtype = header.options["num_blocks"], header.stored_dtype
        sizes = tensors.take("blocks.sizes", UNSIGNED, num_blocks).tolist()
        lengths = tensors.take("blocks.features", UNSIGNED, num_blocks).tolist()
        if not all(sizes) or sum(sizes) != header.num_embeddings:
            raise ValueError(
                f"'blocks.sizes' sums to {sum(sizes)} or holds a zero, but there are "
                f"{header.num_embeddings} objects"
            )
        if not all(lengths):
            raise ValueError("'blocks.features' holds a zero")
        stored = (floats.storage(dtype),)
        shapes = zip(sizes, lengths, strict=True)
        total = sum(size * length for size, length in shapes)
        values = tensors.take("blocks.values", stored, total)
        count = sum(length for length in lengths if length != header.features)
        projections = tensors.take("projections", stored, count, header.features)
        wide, projections = (floats.widen(x, dtype) for x in (values, projections))
        check_finite(wide, "blocks.values")
        check_finite(projections, "projections")
        blocks, start, first, row = [], 0, 0, 0
        for size, length in zip(sizes, lengths, strict=True):
            rows = None
            if length != header.features:
                rows = slice(row, row + length)
                row += length
            table = values[first : first + size * length].reshape(size, length)
            blocks.append(_Block(start, table, rows))
            start, first = start + size, first + size * length
        subnormal = may_be_subnormal(wide, projections)
        return cls(tuple(blocks), projections, dtype, subnormal)
