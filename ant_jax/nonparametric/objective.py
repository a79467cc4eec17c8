"""What nbANT minimizes, and choosing among models by it.

    objective = loss + l1 nnz + (anchor_cost - l1) K

Section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021, whose λ₁ is `anchor_cost`
and whose λ₂ is `l1`. An anchor that m objects use costs `anchor_cost + (m - 1) l1`: its
first user pays for the anchor, every further one for an entry of T. It is the limit of
a posterior under an Indian buffet process, see `ant_jax.nonparametric.ibp`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class Candidate(NamedTuple):
    """A trained model, as far as the choice among models looks at it."""

    loss: float  # on the validation split
    nnz: int  # non-zeros of T, of all tables together
    num_anchors: int  # K, of all tables together
    l1: float  # the penalty it was trained with


def objective(
    loss: ArrayLike,
    nnz: ArrayLike,
    num_anchors: ArrayLike,
    l1: ArrayLike,
    anchor_cost: ArrayLike,
) -> Any:
    """The small-variance objective `loss + l1 nnz + (anchor_cost - l1) K`.

    Args:
      loss: what one example costs on average, on the validation split when a model is
        chosen by it: a mean squared error, a log perplexity.
      nnz: number of non-zeros of T. With several tables, of all of them together.
      num_anchors: number of anchors K, likewise.
      l1: price of an entry of T.
      anchor_cost: price of an anchor together with its first entry.

    Returns:
      The objective, of the shape that the arguments broadcast to. JAX arrays give a JAX
      array, of the dtype of the loss if that is one, float32 otherwise; NumPy arrays
      and Python numbers stay what they are.

    Example:
      >>> round(objective(4.35, 245_000, 2000, l1=1e-6, anchor_cost=2e-5), 3)
      4.633
    """
    values: list[Any] = [loss, nnz, num_anchors, l1, anchor_cost]
    if any(isinstance(value, jax.Array) for value in values):
        dtype = loss.dtype if isinstance(loss, jax.Array) else jnp.result_type(float)
        values = [jnp.asarray(value, dtype) for value in values]
    loss_, nnz_, anchors_, l1_, cost_ = values
    return loss_ + l1_ * nnz_ + (cost_ - l1_) * anchors_


def select_model(candidates: Sequence[Candidate], anchor_cost: float) -> int:
    """The candidate whose objective is least: model selection by `anchor_cost`.

    The higher the cost, the fewer anchors win: appendix L and table 15 of the paper.

    Args:
      candidates: trained models; their losses are on the same scale.
      anchor_cost: price of an anchor.

    Returns:
      Index of the winner. Of several that tie, the one with fewest anchors, then with
      fewest non-zeros, then the first. A candidate whose objective is not a number
      (its training diverged) never wins.

    Raises:
      ValueError: there are no candidates, or none has a finite objective.

    Example:
      >>> small = Candidate(loss=0.80, nnz=10_000, num_anchors=5, l1=1e-6)
      >>> large = Candidate(loss=0.75, nnz=30_000, num_anchors=20, l1=1e-6)
      >>> [select_model([small, large], cost) for cost in (1e-3, 1e-2)]
      [1, 0]
    """
    if not candidates:
        raise ValueError("There is no model to choose: the candidates are empty.")
    ranks = [
        (
            float(objective(*candidate, anchor_cost)),
            candidate.num_anchors,
            candidate.nnz,
        )
        for candidate in candidates
    ]
    finite = [index for index, rank in enumerate(ranks) if np.isfinite(rank[0])]
    if not finite:
        raise ValueError(
            f"None of the {len(candidates)} candidates has a finite objective: "
            f"{[rank[0] for rank in ranks]}."
        )
    return min(finite, key=lambda index: ranks[index])
