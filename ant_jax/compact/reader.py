"""Reading a table."""

import os

from ant_jax.compact import checksum, codecs, vocabulary
from ant_jax.compact.format import Header
from ant_jax.compact.sizes import Sizes
from ant_jax.compact.table import Table
from ant_jax.compact.tensors import Tensors


def load(path: str | os.PathLike[str]) -> Table:
    """Reads a file that `save` wrote; NumPy and safetensors are all it needs.

    Every size and every index is checked, so that a lookup cannot go wrong later, and
    nothing in the file is ever executed.

    Args:
      path: the file.

    Returns:
      The table.

    Raises:
      OSError: there is no such file, or it cannot be read.
      ValueError: it is damaged, of another format, or of a newer version.
    """
    # safetensors would tell a missing file, a folder and a locked one in its own ways.
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
    try:
        return _load(os.fspath(path), size)
    except ValueError as error:
        raise ValueError(f"Could not load {os.fspath(path)}: {error}.") from error


def _load(path: str, size: int) -> Table:
    with Tensors(path) as tensors:
        header = Header.from_metadata(tensors.metadata)
        rows = codecs.find(header.method).unpack(header, tensors)
        names = vocabulary.unpack(tensors, header.num_embeddings)
        tensors.finish()
        checksum.check(header, tensors.checksums)
    sizes = Sizes(
        parts={**tensors.nbytes, "header": size - sum(tensors.nbytes.values())},
        dense=header.dense_bytes,
        num_params=rows.num_params,
    )
    return Table(header, rows, names, sizes)
