"""How sparse the tables of a model are, and what they cost."""

import dataclasses
from typing import Any

import numpy as np

from ant_jax.compact.trees import tables_of
from ant_jax.compact.writer import encode
from ant_jax.params import find_tables

_HEAD = (
    *("table", "rows", "columns", "non-zeros", "density", "empty rows"),
    *("parameters", "bytes", "dense"),
)


@dataclasses.dataclass(frozen=True)
class TableSparsity:
    """The sparse entries of one table: T, or E of a table without anchors.

    Attributes:
      name: path of the table in the tree, joined by dots; "" at the root.
      rows: number V of objects.
      columns: number K of anchors, those of all sets of a mixture, or d of a table
        without anchors.
      nonzeros: entries that are not zero.
      empty_rows: rows without any, whose vectors are zero.
      num_params: embedding parameters as the papers count them: K d + nnz(T), or
        nnz(E); indices are not counted.
      num_bytes: bytes of the file that `ant_jax.compact.save` writes, without names of
        objects.
      dense_bytes: bytes of the dense table, V d numbers.
    """

    name: str
    rows: int
    columns: int
    nonzeros: int
    empty_rows: int
    num_params: int
    num_bytes: int
    dense_bytes: int

    @property
    def density(self) -> float:
        """Share of the entries that are not zero."""
        return self.nonzeros / (self.rows * self.columns)


@dataclasses.dataclass(frozen=True)
class Sparsity:
    """The sparse tables of a model; printed, a line for each.

    Attributes:
      tables: one `TableSparsity` for each table, in the order of the tree.
    """

    tables: tuple[TableSparsity, ...]

    @property
    def nonzeros(self) -> int:
        """Entries of all tables that are not zero."""
        return sum(table.nonzeros for table in self.tables)

    @property
    def empty_rows(self) -> int:
        """Rows of all tables without any entry."""
        return sum(table.empty_rows for table in self.tables)

    @property
    def num_params(self) -> int:
        """Embedding parameters of all tables, as the papers count them."""
        return sum(table.num_params for table in self.tables)

    @property
    def num_bytes(self) -> int:
        """Bytes of all tables as they are shipped, without names of objects."""
        return sum(table.num_bytes for table in self.tables)

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense tables."""
        return sum(table.dense_bytes for table in self.tables)

    @property
    def density(self) -> float:
        """Share of the entries of all tables that are not zero."""
        return self.nonzeros / sum(t.rows * t.columns for t in self.tables)

    def __getitem__(self, name: str) -> TableSparsity:
        """The table of a name."""
        return {table.name: table for table in self.tables}[name]

    def __str__(self) -> str:
        """One line for each table, and one for all together."""
        lines: list[tuple[str, ...]] = [_HEAD]
        for table in self.tables:
            shape = f"{table.rows:,}", f"{table.columns:,}"
            lines.append((table.name or "-", *shape, *_cells(table)))
        if len(self.tables) > 1:
            lines.append(("all", "", "", *_cells(self)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                [line[0].ljust(widths[0])]
                + [x.rjust(n) for x, n in zip(line[1:], widths[1:], strict=True)]
            )
            for line in lines
        )


def sparsity(tree: Any) -> Sparsity:
    """Summarizes the sparse tables of a model: what is zero, and what the rest costs.

    Args:
      tree: parameters of a model in any form: a module or an `nnx.State`, variables of
        a Linen model, a `TrainState`, or a nest of `AnchorParams` and `SparseParams`;
        see `ant_jax.params` for what is found in it.

    Returns:
      The summary. Its bytes are measured, by packing every table.

    Raises:
      ValueError: there is no sparse table, or one holds NaN or infinity.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax import AnchorParams
      >>> transform = jnp.eye(300, 2)  # two objects have an anchor each
      >>> found = sparsity({"users": AnchorParams(jnp.ones((2, 64)), transform)})
      >>> found.nonzeros, found.empty_rows, found.num_params
      (2, 298, 130)
      >>> print(found)
      table  rows  columns  non-zeros  density  empty rows  parameters  bytes   dense
      users   300        2          2     0.3%         298         130  1,145  76,800
    """
    summaries = []
    for name, (emb, params) in tables_of(tree).items():
        try:
            parts = find_tables(params)
        except ValueError:
            # A layer of a method that makes no zeros.
            continue
        try:
            _, sizes = encode(emb, params)
        except ValueError as error:
            raise ValueError(f"Table {name!r}: {error}") from error
        filled = [np.asarray(part.entries) != 0 for part in parts.values()]
        entries = np.concatenate(filled, axis=1)
        summaries.append(
            TableSparsity(
                name=name,
                rows=entries.shape[0],
                columns=entries.shape[1],
                nonzeros=int(np.count_nonzero(entries)),
                empty_rows=int(np.count_nonzero(~entries.any(axis=1))),
                num_params=emb.num_params(params),
                num_bytes=sizes.total,
                dense_bytes=sizes.dense,
            )
        )
    if not summaries:
        find_tables(tree)  # says where it looked
    return Sparsity(tuple(summaries))


def _cells(counted: TableSparsity | Sparsity) -> tuple[str, ...]:
    return (
        f"{counted.nonzeros:,}",
        f"{counted.density:.1%}",
        f"{counted.empty_rows:,}",
        f"{counted.num_params:,}",
        f"{counted.num_bytes:,}",
        f"{counted.dense_bytes:,}",
    )
