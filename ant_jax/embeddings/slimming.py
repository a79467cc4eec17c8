"""A table trained with an L1 penalty and pruned afterwards."""

import dataclasses
from typing import ClassVar

from ant_jax.embeddings.sparse import SparseEmbedding


@dataclasses.dataclass(frozen=True)
class SlimmingEmbedding(SparseEmbedding):
    """A full table, slimmed: a `SparseEmbedding` whose zeros come from pruning.

    Liu et al., *Learning Efficient Convolutional Networks through Network Slimming*,
    ICCV 2017, with the entries of E in place of the scaling factors of channels: a
    subgradient of the L1 penalty (`ant_jax.optim.l1_subgradient`, chained in front of
    any optimizer) makes many entries small but none zero; the small ones are pruned
    (`ant_jax.pruning.prune`), and the rest is trained further.

    See `SparseEmbedding` for fields, parameters and methods.

    Raises:
      ValueError: a size is not a positive integer.

    Example:
      >>> import jax
      >>> from ant_jax.pruning.prune import prune_to_size
      >>> emb = SlimmingEmbedding(num_embeddings=100, features=4)
      >>> params = emb.init(jax.random.key(0))
      >>> emb.num_params(params), emb.num_params(prune_to_size(params, 30))
      (400, 30)
    """

    method: ClassVar[str] = "slimming"
