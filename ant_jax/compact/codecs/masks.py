"""Sets of objects: runs if they are contiguous or few, otherwise bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact.tensors import UNSIGNED, Tensors, narrowest

_BYTES = (np.dtype(np.uint8),)


def pack(mask: NDArray[np.bool_], name: str) -> dict[str, NDArray[Any]]:
    """The tensor `name.bits` or `name.runs` of a mask (V,), whichever is shorter."""
    changes = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    # The first run consists of objects that are not in the set, and may be empty.
    changes = changes if not mask[0] else np.append(0, changes)
    runs = np.diff(changes, prepend=0, append=mask.size)
    runs = runs.astype(narrowest(int(runs.max())))
    bits = np.packbits(mask)
    return (
        {f"{name}.bits": bits} if bits.nbytes < runs.nbytes else {f"{name}.runs": runs}
    )


def is_in(tensors: Tensors, name: str) -> bool:
    """Whether the file has a mask of this name."""
    return f"{name}.bits" in tensors or f"{name}.runs" in tensors


def unpack(tensors: Tensors, name: str, size: int) -> NDArray[np.bool_]:
    """Reads a mask of `size` objects that `pack` packed.

    Raises:
      ValueError: naming the error.
    """
    if f"{name}.bits" in tensors:
        bits = tensors.take(f"{name}.bits", _BYTES, -(-size // 8))
        mask = np.unpackbits(bits).astype(bool)
        if mask[size:].any():
            raise ValueError(f"'{name}.bits' has bits set beyond the {size} objects")
        return mask[:size]
    runs = tensors.take(f"{name}.runs", UNSIGNED, None)
    total = runs.sum(dtype=np.uint64)
    if total != size:
        raise ValueError(f"'{name}.runs' sums to {total}, but there are {size} objects")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs)
