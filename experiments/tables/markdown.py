"""Tables in Markdown."""

from collections.abc import Iterable

_ALIGNED = {"l": "---", "r": "---:"}


def table(heads: str, rows: Iterable[str], align: str = "") -> str:
    """A table of lines whose cells are kept apart by ` | `.

    Args:
      heads: the titles of the columns.
      rows: the other lines, with as many cells.
      align: "l" or "r" for every column; all to the left if not given.

    Raises:
      ValueError: a row has more or fewer cells, or `align` more or fewer letters.
    """
    columns = heads.count("|") + 1
    align = align or "l" * columns
    lines = [heads, *rows]
    if len(align) != columns or any(row.count("|") + 1 != columns for row in lines):
        raise ValueError(f"Not all lines have the {columns} cells of {heads!r}.")
    rule = "|".join(_ALIGNED[side] for side in align)
    first, *others = (f"| {line} |" for line in lines)
    return "\n".join([first, f"|{rule}|", *others])
