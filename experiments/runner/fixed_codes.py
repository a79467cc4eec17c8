"""Training on with codes that stay as they are."""

import dataclasses
from typing import Any

from ant_jax.embeddings import ProductQuantizedParams


@dataclasses.dataclass(frozen=True, eq=False)
class _FixedCodes:
    """A product quantized embedding whose parameters are its codebooks alone.

    Codes are integers, which have no gradient.
    """

    embedding: Any
    codes: Any

    @property
    def features(self) -> int:
        return int(self.embedding.features)

    def lookup(self, codebooks: Any, ids: Any) -> Any:
        params = ProductQuantizedParams(codebooks, self.codes)
        return self.embedding.lookup(params, ids)


def fix_codes(embedding: Any, params: ProductQuantizedParams) -> tuple[Any, Any]:
    """The same embedding with parameters that can all be trained; see `free_codes`."""
    codebooks, codes = params
    return _FixedCodes(embedding, codes), codebooks


def free_codes(fixed: Any, codebooks: Any) -> ProductQuantizedParams:
    """Parameters with their codes, of what `fix_codes` made."""
    return ProductQuantizedParams(codebooks, fixed.codes)
