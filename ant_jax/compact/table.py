"""A shipped table: all that a server needs, without JAX."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Rows
from ant_jax.compact.format import Header
from ant_jax.compact.sizes import Sizes
from ant_jax.compact.vocabulary import Vocabulary


class Table:
    """An embedding read from a file by `load`.

    Attributes:
      method: short name of the method, such as "ant".
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      dtype: name of the dtype that the trained embedding returned. Arrays have the same
        dtype, except that bfloat16 numbers are float32, since NumPy has no such type.
      sizes: bytes of each part of the file, and of the dense table.

    Example:
      >>> import os, tempfile
      >>> import jax.numpy as jnp
      >>> import ant_jax as ant
      >>> emb = ant.FullEmbedding(num_embeddings=2, features=2)
      >>> params = ant.FullParams(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
      >>> path = os.path.join(tempfile.mkdtemp(), "words.safetensors")
      >>> _ = ant.compact.save(path, emb, params, vocab=["a", "b"])
      >>> table = ant.compact.load(path)
      >>> table.lookup([[1, 0]]).tolist(), table.vocab, table.num_params
      ([[[3.0, 4.0], [1.0, 2.0]]], ('a', 'b'), 4)
    """

    def __init__(
        self, header: Header, rows: Rows, vocabulary: Vocabulary | None, sizes: Sizes
    ) -> None:
        """Takes parts that are already checked; use `load` to read a table."""
        self.method = header.method
        self.num_embeddings = header.num_embeddings
        self.features = header.features
        self.dtype = header.dtype
        self.sizes = sizes
        self._rows = rows
        self._vocabulary = vocabulary

    def __repr__(self) -> str:
        return (
            f"Table(method={self.method!r}, num_embeddings={self.num_embeddings}, "
            f"features={self.features}, dtype={self.dtype!r}, nbytes={self.nbytes})"
        )

    @property
    def num_params(self) -> int:
        """Numbers stored, without indices: K d + nnz(T) for Anchor & Transform."""
        return self._rows.num_params

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return self.sizes.total

    def lookup(self, ids: Any) -> NDArray[Any]:
        """Embeds ids, equal to the bit to the trained embedding's `lookup` on a CPU.

        The product embeddings ("ant", "low_rank", "mixed_dimension", "hash_embedding")
        promise it outside differentiation, and "anchor_mixture" up to the rounding of
        its softmax.

        Args:
          ids: integers of any shape (...), each in [0, V).

        Returns:
          Vectors (..., d) in `dtype`, float32 for bfloat16.

        Raises:
          ValueError: ids are not integers.
          IndexError: an id is outside [0, V).
        """
        array = self._checked(np.asarray(ids))
        flat = array.reshape(-1).astype(np.intp, copy=False)
        # A row does not depend on its batch, so repeats need no second computation.
        repeats = flat.size > self.num_embeddings
        found = self.matrix()[flat] if repeats else self._finished(flat)
        return found.reshape(*array.shape, self.features)

    def matrix(self) -> NDArray[Any]:
        """All rows as `lookup` returns them.

        Returns:
          float (V, d) in `dtype`, float32 for bfloat16.
        """
        return self._finished(np.arange(self.num_embeddings))

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The transform T, including its zeros, and the anchors A.

        Returns:
          T, float (V, K), and A, float (K, d), in `dtype`, float32 for bfloat16.

        Raises:
          ValueError: the method has no anchors.
        """
        factors = self._rows.factors()
        if factors is None:
            raise ValueError(f"A table of method {self.method!r} has no anchors.")
        transform, anchors = factors
        return floats.finish(transform, self.dtype), floats.finish(anchors, self.dtype)

    @functools.cached_property
    def vocab(self) -> tuple[str, ...] | None:
        """The names of the objects in the order of their ids; None if not stored."""
        return None if self._vocabulary is None else self._vocabulary.names()

    def ids(self, names: str | Sequence[str]) -> NDArray[np.int64]:
        """Ids of objects by name, for `lookup`.

        Args:
          names: one name, or a sequence of n names.

        Returns:
          Ids, int64 () or (n,).

        Raises:
          ValueError: the file has no vocabulary, or one with a repeated name.
          KeyError: a name is not in the vocabulary.
        """
        known = self._by_name
        try:
            if isinstance(names, str):
                return np.array(known[names], np.int64)
            return np.fromiter((known[name] for name in names), np.int64, len(names))
        except KeyError as error:
            raise KeyError(f"{error.args[0]!r} is not in the vocabulary.") from None

    @functools.cached_property
    def _by_name(self) -> dict[str, int]:
        if self.vocab is None:
            raise ValueError(
                "The table was saved without a vocabulary: look objects up by id."
            )
        by_name = {name: index for index, name in enumerate(self.vocab)}
        if len(by_name) < len(self.vocab):
            raise ValueError("The table is damaged: a name occurs twice in it.")
        return by_name

    def _finished(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        return floats.finish(self._rows.lookup(ids), self.dtype)

    def _checked(self, ids: NDArray[Any]) -> NDArray[Any]:
        if ids.dtype.kind not in "iu":
            raise ValueError(f"ids must be integers, got {ids.dtype}.")
        if ids.size and (ids.min() < 0 or ids.max() >= self.num_embeddings):
            outside = (ids < 0) | (ids >= self.num_embeddings)
            first = ids.reshape(-1)[np.argmax(outside)]
            raise IndexError(f"id {first} is outside [0, {self.num_embeddings}).")
        return ids
