"""Quotient and remainder, E[v] = Q[v // m] * R[v % m]: both tables, stored densely."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact import floats
from ant_jax.compact.codecs.base import Packed, Rows, check_finite, store, to_numpy
from ant_jax.compact.format import Header
from ant_jax.compact.tensors import Tensors

# Codes for the header, in which options are positive integers.
_OPERATIONS = {"multiply": 1, "add": 2}


@dataclasses.dataclass(frozen=True, eq=False)
class QuotientRemainderRows(Rows):
    """Q and R.

    Attributes:
      quotients: Q, (ceil(V / m), d), as stored.
      remainders: R, (m, d), as stored.
      operation: "multiply" or "add".
      dtype: name of the dtype of both.
    """

    quotients: NDArray[Any]
    remainders: NDArray[Any]
    operation: str
    dtype: str

    @property
    def num_params(self) -> int:
        """(ceil(V / m) + m) d."""
        return self.quotients.size + self.remainders.size

    def lookup(self, ids: NDArray[np.intp]) -> NDArray[Any]:
        """`Q[ids // m] * R[ids % m]`, or their sum."""
        quotient, remainder = np.divmod(ids, self.remainders.shape[0])
        # On a CPU, XLA treats subnormal numbers as zeros.
        first = floats.flush(floats.widen(self.quotients[quotient], self.dtype))
        second = floats.flush(floats.widen(self.remainders[remainder], self.dtype))
        join = np.multiply if self.operation == "multiply" else np.add
        with np.errstate(over="ignore", under="ignore"):
            return floats.flush(join(first, second))

    @classmethod
    def pack(cls, emb: Any, params: Any, stored_dtype: str) -> Packed:
        """See `Rows.pack`."""
        tensors = {}
        for name, rows in (
            ("quotients", emb.num_quotients),
            ("remainders", emb.num_remainders),
        ):
            table = to_numpy(getattr(params, name), name, rows, emb.features)
            tensors[name] = store(table, name, stored_dtype)
        options = {
            "num_remainders": emb.num_remainders,
            "operation": _OPERATIONS[emb.operation],
        }
        return Packed(tensors, options, sum(table.size for table in tensors.values()))

    @classmethod
    def unpack(cls, header: Header, tensors: Tensors) -> "QuotientRemainderRows":
        """See `Rows.unpack`."""
        options = header.options
        if options.keys() != {"num_remainders", "operation"}:
            raise ValueError(
                f"options are {options!r}, expected num_remainders and operation"
            )
        names = {number: name for name, number in _OPERATIONS.items()}
        if options["operation"] not in names:
            raise ValueError(f"operation is {options['operation']}, expected 1 or 2")
        num_remainders, dtype = options["num_remainders"], header.stored_dtype
        tables = {}
        for name, rows in (
            ("quotients", -(-header.num_embeddings // num_remainders)),
            ("remainders", num_remainders),
        ):
            stored = (floats.storage(dtype),)
            tables[name] = tensors.take(name, stored, rows, header.features)
            check_finite(floats.widen(tables[name], dtype), name)
        return cls(operation=names[options["operation"]], dtype=dtype, **tables)
