"""The interface of a codec."""

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


class Packed(NamedTuple):
    """The result of packing parameters.

    Attributes:
      tensors: the tensors to store, by name.
      options: sizes besides V and d, for the header.
      num_params: numbers stored for the embedding, without indices.
    """

    tensors: dict[str, NDArray[Any]]
    options: Mapping[str, int]
    num_params: int


class Rows(abc.ABC):
    """The rows of a table in their stored form, read with NumPy only."""

    @property
    @abc.abstractmethod
    def num_params(self) -> int:
        """Numbers stored for the embedding, without indices."""

    @abc.abstractmethod
    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """Rows (n, d) of ids (n,), each in [0, V), in the dtype of the sums."""

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """T (V, K) and A (K, d) if the rows are their product, otherwise None."""
        return None

    @classmethod
    @abc.abstractmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """Packs parameters into tensors.

        Args:
          emb: the description.
          params: its parameters.
          stored_dtype: name of the dtype to store numbers in.

        Returns:
          The tensors, and the method's entries of the header.

        Raises:
          ValueError: the parameters do not fit the description, or are not finite.
        """

    @classmethod
    @abc.abstractmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "Rows":
        """Reads tensors and checks every size and index.

        Args:
          header: the header of the file.
          tensors: the file.

        Returns:
          The rows.

        Raises:
          ValueError: naming the error.
        """


def to_numpy(array: Any, name: str, *shape: int) -> NDArray[Any]:
    """Parameters as a NumPy array, checked for the shape in their description.

    Raises:
      ValueError: they have another shape.
    """
    array = np.asarray(array)
    if array.shape != shape:
        raise ValueError(
            f"{name} has the shape {array.shape}, but the description needs {shape}."
        )
    return array


def store(array: NDArray[Any], name: str, stored_dtype: str) -> NDArray[Any]:
    """Rounds parameters to the dtype in which they are stored.

    Raises:
      ValueError: one of them is NaN or infinite in that dtype.
    """
    stored = floats.pack(array, stored_dtype)
    if not np.isfinite(floats.widen(stored, stored_dtype)).all():
        raise ValueError(
            f"{name} holds NaN or infinity in {stored_dtype} and cannot be saved."
        )
    return stored


def check_finite(array: NDArray[Any], name: str) -> None:
    """Raises an error for NaN and infinity in a tensor that was read.

    Raises:
      ValueError: naming the tensor.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{name!r} holds NaN or infinity")
