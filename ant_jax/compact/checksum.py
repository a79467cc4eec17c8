"""A checksum over header and tensors that detects changed bits."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ant_jax.compact.format import FORMAT, Header


def of_tensor(tensor: NDArray[Any]) -> int:
    """CRC-32 of the bytes of a contiguous tensor."""
    return zlib.crc32(tensor.data)


def of_file(header: Header, tensors: Mapping[str, int]) -> str:
    """The value of the field `crc32` of a header, see `format`.

    Args:
      header: the header; its field `crc32` is ignored.
      tensors: `of_tensor` of each tensor, by name.

    Returns:
      Eight hexadecimal digits.
    """
    text = dataclasses.replace(header, crc32=None).to_metadata()[FORMAT]
    total = zlib.crc32(text.encode())
    for name, crc in sorted(tensors.items()):
        total = zlib.crc32(name.encode() + crc.to_bytes(4, "little"), total)
    return f"{total:08x}"


def check(header: Header, tensors: Mapping[str, int]) -> None:
    """Raises an error for a file in which a bit has changed since it was written.

    Args:
      header: the header.
      tensors: `of_tensor` of each tensor, by name.

    Raises:
      ValueError: the header has a checksum, and it differs.
    """
    found = of_file(header, tensors)
    if header.crc32 not in (None, found):
        raise ValueError(
            f"it is damaged: its checksum is {found}, but was {header.crc32} when it "
            "was written; copy it again"
        )
