"""The tensors of a file, read one by one and checked against what is expected."""

from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ant_jax.compact import checksum

# By their names in safetensors.
_DTYPES = {
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "U8": np.dtype(np.uint8),
    "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32),
}
UNSIGNED = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32))


def narrowest(largest: int) -> np.dtype[Any]:
    """The narrowest unsigned dtype that holds numbers up to `largest`.

    Raises:
      ValueError: it does not fit in 32 bits.
    """
    for dtype in UNSIGNED:
        if largest <= np.iinfo(dtype).max:
            return dtype
    raise ValueError(f"{largest} does not fit in 32 bits.")


class Tensors:
    """An open file whose tensors are read by name, each once.

    Attributes:
      metadata: the metadata of the safetensors file, if it has any.
      nbytes: bytes of each tensor read so far.
      checksums: CRC-32 of each tensor read so far.
    """

    metadata: dict[str, str] | None
    nbytes: dict[str, int]
    checksums: dict[str, int]

    def __init__(self, path: str) -> None:
        """Opens a file.

        Args:
          path: path of the file.

        Raises:
          OSError: it cannot be opened.
          ValueError: it is not a complete safetensors file.
        """
        try:
            self._file = safe_open(path, framework="np")
        except SafetensorError as error:
            raise ValueError(
                f"it is not a complete safetensors file: {error}"
            ) from None
        self.metadata = self._file.metadata()
        self.nbytes = {}
        self.checksums = {}
        self._left = set(self._file.keys())

    def __enter__(self) -> "Tensors":
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.__exit__(exception_type, exception, traceback)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(
        self, name: str, dtypes: tuple[np.dtype[Any], ...], *shape: int | None
    ) -> NDArray[Any]:
        """Reads a tensor.

        Args:
          name: name of the tensor.
          dtypes: the dtypes that it may have.
          *shape: its shape; None stands for any length.

        Returns:
          The tensor.

        Raises:
          ValueError: there is no such tensor, or it has another dtype or shape.
        """
        if name not in self._left:
            raise ValueError(f"it has no tensor {name!r}")
        announced = self._file.get_slice(name)
        if _DTYPES.get(announced.get_dtype()) not in dtypes:
            expected = " or ".join(dtype.name for dtype in dtypes)
            raise ValueError(
                f"{name!r} has the dtype {announced.get_dtype()}, expected {expected}"
            )
        found = tuple(announced.get_shape())
        if len(found) != len(shape) or any(
            size is not None and size != length
            for size, length in zip(shape, found, strict=True)
        ):
            expected = ", ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(f"{name!r} has the shape {found}, expected ({expected})")
        self._left.remove(name)
        array = self._file.get_tensor(name)
        self.checksums[name] = checksum.of_tensor(array)
        self.nbytes[name] = array.nbytes
        return array

    def finish(self) -> None:
        """Checks that every tensor was read.

        Raises:
          ValueError: some were not, so they are not part of the format.
        """
        if self._left:
            names = ", ".join(map(repr, sorted(self._left)))
            raise ValueError(f"it has unexpected tensors: {names}")
