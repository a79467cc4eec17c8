"""Training on with codes that stay as they are."""

import dataclasses
from typing import Any

from ant_jax.embeddings import ProductQuantizedParams
from experiments.text_classification.models import Classifier, ClassifierParams


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


def fix_codes(
    model: Classifier, params: ClassifierParams
) -> tuple[Classifier, ClassifierParams]:
    """The same model with parameters that can all be trained; see `free_codes`."""
    codebooks, codes = params.embedding
    fixed: Any = _FixedCodes(model.embedding, codes)
    small = dataclasses.replace(model, embedding=fixed)
    return small, params._replace(embedding=codebooks)


def free_codes(fixed: Classifier, params: ClassifierParams) -> ClassifierParams:
    """Parameters with their codes, of what `fix_codes` made."""
    embedding: Any = fixed.embedding
    values = ProductQuantizedParams(params.embedding, embedding.codes)
    return params._replace(embedding=values)
