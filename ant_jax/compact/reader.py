"""Reading a table from a file."""

import os

from ant_jax.compact import checksum, codecs, vocabulary
from ant_jax.compact.format import Header
from ant_jax.compact.sizes import Sizes
from ant_jax.compact.table import Table
from ant_jax.compact.tensors import Tensors


def load(path: str | os.PathLike[str]) -> Table:
    """Reads a file that `save` wrote, with NumPy and safetensors only.

    Every size and every index is checked, so that a lookup cannot fail later, and
    nothing in the file is ever executed.

    Args:
      path: path of the file.

    Returns:
      The table.

    Raises:
      OSError: there is no such file, or it cannot be read.
      ValueError: it is damaged, of another format, or of a newer version.

    Example:
      >>> import os, tempfile
      >>> import jax.numpy as jnp
      >>> import ant_jax as ant
      >>> emb = ant.AnchorEmbedding(num_embeddings=2, features=2, num_anchors=1)
      >>> params = ant.AnchorParams(jnp.array([[1.0, 2.0]]), jnp.array([[0.0], [3.0]]))
      >>> path = os.path.join(tempfile.mkdtemp(), "words.safetensors")
      >>> _ = ant.compact.save(path, emb, params, vocab=["a", "b"])
      >>> table = ant.compact.load(path)
      >>> table.lookup(table.ids(["b", "a"])).tolist()
      [[3.0, 6.0], [0.0, 0.0]]
    """
    # Opened here, since safetensors has errors of its own for a missing file, a folder
    # and a file without permission.
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
