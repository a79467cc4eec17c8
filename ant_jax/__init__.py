"""Small embeddings of large vocabularies: anchors and a sparse transform, `E = T A`.

What most programs need is here; everything else is in the modules, such as the
baselines in `ant_jax.embeddings`. Names are imported when they are first used, so that
`import ant_jax` costs nothing and `ant_jax.compact.load` runs where NumPy and
safetensors are all there is.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ant_jax import anchors as anchors
    from ant_jax import compact as compact
    from ant_jax import embeddings as embeddings
    from ant_jax import losses as losses
    from ant_jax import nonparametric as nonparametric
    from ant_jax import optim as optim
    from ant_jax import params as params
    from ant_jax import pruning as pruning
    from ant_jax import relations as relations
    from ant_jax import training as training
    from ant_jax.embeddings import AnchorEmbedding as AnchorEmbedding
    from ant_jax.embeddings import AnchorParams as AnchorParams
    from ant_jax.embeddings import Embedding as Embedding
    from ant_jax.embeddings import Factored as Factored
    from ant_jax.embeddings import FullEmbedding as FullEmbedding
    from ant_jax.embeddings import FullParams as FullParams
    from ant_jax.nn import linen as linen
    from ant_jax.nn import nnx as nnx
    from ant_jax.optim import LazyRows as LazyRows
    from ant_jax.optim import keep_zeros as keep_zeros
    from ant_jax.optim import param_labels as param_labels
    from ant_jax.optim import proximal as proximal
    from ant_jax.optim import proximal_adagrad as proximal_adagrad
    from ant_jax.optim import proximal_adam as proximal_adam
    from ant_jax.optim import proximal_amsgrad as proximal_amsgrad
    from ant_jax.optim import proximal_sgd as proximal_sgd
    from ant_jax.optim import proximal_yogi as proximal_yogi
    from ant_jax.optim import with_proximal as with_proximal
    from ant_jax.optim import yogi as yogi
    from ant_jax.pruning import prune_to_size as prune_to_size
    from ant_jax.pruning import prune_to_tolerance as prune_to_tolerance
    from ant_jax.pruning import sparsity as sparsity

__version__ = "0.1.0"

# Where the public names are; type checkers read the imports above instead.
_HOMES = {
    "ant_jax": (
        "anchors compact embeddings losses nonparametric optim params pruning "
        "relations training"
    ),
    "ant_jax.nn": "linen nnx",
    "ant_jax.embeddings": (
        "AnchorEmbedding AnchorParams Embedding Factored FullEmbedding FullParams"
    ),
    "ant_jax.optim": (
        "LazyRows keep_zeros param_labels proximal proximal_adagrad proximal_adam "
        "proximal_amsgrad proximal_sgd proximal_yogi with_proximal yogi"
    ),
    "ant_jax.pruning": "prune_to_size prune_to_tolerance sparsity",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    if home in ("ant_jax", "ant_jax.nn"):
        value: Any = importlib.import_module(f"{home}.{name}")
    else:
        value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
