"""How many bytes each part of a table takes."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Bytes of a file and of the dense table it stands for.

    Attributes:
      parts: bytes of each stored tensor by its name, and of the "header".
      dense: bytes of the dense table, V d numbers of the dtype that a lookup returns.
      num_params: numbers stored for the embedding, indices not counted; for Anchor &
        Transform K d + nnz(T).
    """

    parts: Mapping[str, int]
    dense: int
    num_params: int

    @property
    def total(self) -> int:
        """Bytes of the file."""
        return sum(self.parts.values())

    @property
    def compression(self) -> float:
        """How many times smaller than the dense table the whole file is."""
        return self.dense / self.total

    def __str__(self) -> str:
        """One line a part, then the file and the dense table."""
        rows = [*self.parts.items(), ("file", self.total), ("dense table", self.dense)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {size:>15,}" for name, size in rows)
