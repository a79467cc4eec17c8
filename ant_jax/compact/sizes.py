"""The number of bytes of each part of a table."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Bytes of a file, and of the dense table that it represents.

    Attributes:
      parts: bytes of each stored tensor by its name, and of the "header".
      dense: bytes of the dense table, V d numbers of the dtype that a lookup returns.
      num_params: numbers stored for the embedding, without indices: K d + nnz(T) for
        Anchor & Transform.

    Example:
      >>> sizes = Sizes({"anchors": 80, "header": 20}, dense=400, num_params=20)
      >>> sizes.total, sizes.compression
      (100, 4.0)
      >>> print(sizes)
      anchors                   80
      header                    20
      file                     100
      dense table              400
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
        """Bytes of the dense table divided by those of the file."""
        return self.dense / self.total

    def __str__(self) -> str:
        """One line for each part, then the file and the dense table."""
        rows = [*self.parts.items(), ("file", self.total), ("dense table", self.dense)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {size:>15,}" for name, size in rows)
