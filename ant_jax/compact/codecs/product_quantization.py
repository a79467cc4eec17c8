"""Product quantization: the codebooks, and ceil(log2 k) bits a code."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs import bits
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors


@dataclasses.dataclass(frozen=True, eq=False)
class ProductQuantizedRows(Rows):
    """Codebooks and codes.

    Attributes:
      codebooks: (m, k, d / m), as stored.
      codes: the m codes of each object, object after object, (V m,).
      dtype: name of the dtype of `codebooks`.
    """

    codebooks: NDArray[Any]
    codes: bits.PackedIntegers
    dtype: str

    @property
    def num_params(self) -> int:
        """Every entry of the codebooks, k d; codes are indices."""
        return self.codebooks.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """The codebook entries of each id, concatenated."""
        groups = np.arange(self.codebooks.shape[0])
        codes = self.codes.take(ids[:, None] * groups.size + groups)
        pieces = self.codebooks[groups, codes]
        wide = floats.widen(pieces, self.dtype)
        return wide.reshape(ids.size, groups.size * self.codebooks.shape[2])

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        groups, count = emb.num_groups, emb.num_codes
        shape = groups, count, emb.features // groups
        codebooks = to_numpy(params.codebooks, "codebooks", *shape)
        codes = to_numpy(params.codes, "codes", emb.num_embeddings, groups)
        if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= count:
            raise ValueError(f"codes must be integers in [0, {count}).")
        tensors = {
            "codebooks": store(codebooks, "codebooks", stored_dtype),
            "codes": bits.pack(codes.reshape(-1), count),
        }
        options = {"num_groups": groups, "num_codes": count}
        return Packed(tensors, options, codebooks.size)

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "ProductQuantizedRows":
        """See `Rows.unpack`."""
        options = header.options
        if options.keys() != {"num_groups", "num_codes"}:
            raise ValueError(
                f"options are {options!r}, expected num_groups and num_codes"
            )
        groups, count = options["num_groups"], options["num_codes"]
        if header.features % groups:
            raise ValueError(
                f"num_groups is {groups}, which does not divide {header.features}"
            )
        dtype = header.stored_dtype
        shape = groups, count, header.features // groups
        codebooks = tensors.take("codebooks", (floats.storage(dtype),), *shape)
        check_finite(floats.widen(codebooks, dtype), "codebooks")
        size = header.num_embeddings * groups
        codes = bits.unpack(tensors, "codes", size, count)
        return cls(codebooks, codes, dtype)
