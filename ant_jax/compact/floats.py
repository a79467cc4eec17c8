"""Floats in NumPy, computed with as JAX does on a CPU.

Half-precision numbers are widened to float32, summed there, and rounded once at the
end. NumPy has no bfloat16: it is stored as bits in uint16 and returned as float32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STORAGE: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(np.uint16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}
NAMES = tuple(_STORAGE)


def name_of(dtype: Any) -> str:
    """The name of a dtype of NumPy, JAX or ml_dtypes, or the name itself.

    Raises:
      ValueError: it is not one of `NAMES`.
    """
    name: str = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in NAMES:
        raise ValueError(f"dtype must be one of {', '.join(NAMES)}, got {name}.")
    return name


def storage(name: str) -> np.dtype[Any]:
    """The NumPy dtype in which numbers of this dtype are stored."""
    return _STORAGE[name]


def computation(name: str) -> np.dtype[Any]:
    """The NumPy dtype in which numbers of this dtype are summed."""
    return np.dtype(np.float64 if name == "float64" else np.float32)


def holds(name: str, other: str) -> bool:
    """Whether dtype `name` represents every number of dtype `other`."""
    return name == other or storage(name).itemsize > storage(other).itemsize


def pack(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Rounds an array to a dtype and returns it as stored."""
    with np.errstate(over="ignore", under="ignore"):
        if name == "bfloat16":
            bits = _bfloat16_bits(array.astype(np.float32))
            return (bits >> 16).astype(np.uint16)
        return array.astype(storage(name))


def widen(stored: NDArray[Any], name: str) -> NDArray[Any]:
    """Converts stored numbers, exactly, to the dtype in which they are summed."""
    if name == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(computation(name), copy=False)


def finish(total: NDArray[Any], name: str) -> NDArray[Any]:
    """Rounds sums to the dtype of the result; bfloat16 is returned as float32."""
    with np.errstate(over="ignore", under="ignore"):
        if name == "bfloat16":
            return _bfloat16_bits(total).view(np.float32)
        return total.astype(storage(name), copy=False)


def flush(array: NDArray[Any]) -> NDArray[Any]:
    """Replaces subnormal numbers by zeros of their sign, as XLA does on a CPU."""
    tiny = np.finfo(array.dtype).tiny
    return np.where(
        np.abs(array) < tiny, np.copysign(array.dtype.type(0), array), array
    )


def _bfloat16_bits(array: NDArray[np.float32]) -> NDArray[np.uint32]:
    bits = array.view(np.uint32)
    # To nearest, ties to even: the addition carries into the upper half, which stays.
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    # The carry would turn some NaNs into numbers.
    return np.where(np.isnan(array), np.uint32(0x7FC00000), rounded.astype(np.uint32))
