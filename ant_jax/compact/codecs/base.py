"""What a codec can do."""

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


class Packed(NamedTuple):
    """What a codec stores."""

    tensors: dict[str, NDArray[Any]]
    options: Mapping[str, int]  # sizes besides V and d, for the header
    num_params: int


class Rows(abc.ABC):
    """The rows of a table in the form they are stored in; NumPy only."""

    @property
    @abc.abstractmethod
    def num_params(self) -> int:
        """Numbers stored for the embedding, indices not counted."""

    @abc.abstractmethod
    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """Rows (n, d) of ids (n,), each in [0, V), in the dtype they are summed in."""

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """T (V, K) and A (K, d) of rows that are their product; None of others."""
        return None

    @classmethod
    @abc.abstractmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """Turns parameters into tensors.

        Raises:
          ValueError: the parameters do not fit the description, or are not finite.
        """

    @classmethod
    @abc.abstractmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "Rows":
        """Reads tensors and checks every size and index.

        Raises:
          ValueError: naming what is wrong.
        """


def to_numpy(array: Any, name: str, *shape: int) -> NDArray[Any]:
    """Parameters as a NumPy array of the shape that their description gives.

    Raises:
      ValueError: they have another shape.
    """
    array = np.asarray(array)
    if array.shape != shape:
        raise ValueError(
            f"{name} has the shape {array.shape}, but the description says {shape}."
        )
    return array


def store(array: NDArray[Any], name: str, stored_dtype: str) -> NDArray[Any]:
    """Rounds parameters to the dtype they are stored in.

    Raises:
      ValueError: one is NaN or infinite there.
    """
    stored = floats.pack(array, stored_dtype)
    if not np.isfinite(floats.widen(stored, stored_dtype)).all():
        raise ValueError(
            f"{name} holds NaN or infinity in {stored_dtype}: there is nothing to ship."
        )
    return stored


def check_finite(array: NDArray[Any], name: str) -> None:
    """Refuses NaN and infinity in what was read.

    Raises:
      ValueError: naming the tensor.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{name!r} holds NaN or infinity")
