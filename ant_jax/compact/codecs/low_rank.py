"""Low rank, E = U B: both factors, stored densely."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.codecs.product import may_be_subnormal, ordered_product
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class LowRankRows(Rows):
    """U and B.

    Attributes:
      coefficients: U, (V, r), as stored.
      basis: B, (r, d), in the dtype of the sums.
      dtype: name of the dtype of `coefficients`.
      subnormal: whether a product or a sum might be subnormal.
    """

    coefficients: NDArray[Any]
    basis: NDArray[Any]
    dtype: str
    subnormal: bool

    @property
    def num_params(self) -> int:
        """(V + d) r."""
        return self.coefficients.size + self.basis.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`U[ids] B`."""
        weights = floats.widen(self.coefficients[ids], self.dtype)
        return ordered_product(weights, self.basis, subnormal=self.subnormal)

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        shape = emb.num_embeddings, emb.rank
        coefficients = to_numpy(params.coefficients, "coefficients", *shape)
        basis = to_numpy(params.basis, "basis", emb.rank, emb.features)
        tensors = {
            "coefficients": store(coefficients, "coefficients", stored_dtype),
            "basis": store(basis, "basis", stored_dtype),
        }
        return Packed(tensors, {"rank": emb.rank}, coefficients.size + basis.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "LowRankRows":
        """See `Rows.unpack`."""
        if header.options.keys() != {"rank"}:
            raise ValueError(f"options are {header.options!r}, expected rank")
        rank, dtype = header.options["rank"], header.stored_dtype
        stored = (floats.storage(dtype),)
        shape = header.num_embeddings, rank
        coefficients = tensors.take("coefficients", stored, *shape)
        wide = floats.widen(coefficients, dtype)
        basis = tensors.take("basis", stored, rank, header.features)
        basis = floats.widen(basis, dtype)
        check_finite(wide, "coefficients")
        check_finite(basis, "basis")
        return cls(coefficients, basis, dtype, may_be_subnormal(wide, basis))
