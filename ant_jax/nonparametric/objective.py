"""The objective of nbANT, and model selection by it.

    objective = loss + l1 nnz + (anchor_cost - l1) K

Section 3.2 of Liang et al., *Anchor & Transform*, ICLR 2021, with λ₁ = `anchor_cost`
and λ₂ = `l1`. An anchor that m objects use costs `anchor_cost + (m - 1) l1`: its first
user pays for the anchor, every other one for an entry of T. The objective is the limit
of a posterior under an Indian buffet process, see `ant_jax.nonparametric.ibp`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class Candidate(NamedTuple):
    """A trained model, described by the numbers that model selection needs.

    Attributes:
      loss: loss on the validation split.
      nnz: number of non-zeros of T, summed over all tables.
      num_anchors: number of anchors K, summed over all tables.
      l1: weight of the penalty in training.

    Example:
      >>> model = Candidate(loss=0.5, nnz=100, num_anchors=10, l1=0.01)
      >>> round(float(objective(*model, anchor_cost=0.02)), 3)
      1.6
    """

    loss: float
    nnz: int
    num_anchors: int
    l1: float


def objective(
    loss: ArrayLike,
    nnz: ArrayLike,
    num_anchors: ArrayLike,
    l1: ArrayLike,
    anchor_cost: ArrayLike,
) -> Any:
    """The small-variance objective `loss + l1 nnz + (anchor_cost - l1) K`.

    Args:
      loss: mean loss of an example, on the validation split if it is used to choose a
        model: a mean squared error, a log perplexity.
      nnz: number of non-zeros of T, summed over all tables.
      num_anchors: number of anchors K, summed over all tables.
      l1: price of an entry of T.
      anchor_cost: price of an anchor together with its first entry.

    Returns:
      The objective, of the shape that the arguments broadcast to. If one of them is a
      JAX array, so is the result, in the dtype of the loss if that is a JAX array and
      in float32 otherwise; NumPy arrays and Python numbers give their own types.

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
    """The candidate with the lowest objective: model selection by `anchor_cost`.

    The higher the cost, the fewer anchors has the winner: appendix L and table 15 of
    the paper.

    Args:
      candidates: trained models, whose losses are on the same scale.
      anchor_cost: price of an anchor.

    Returns:
      Index of the winner. In a tie it is the candidate with the fewest anchors, then
      with the fewest non-zeros, then the first. A candidate with a non-finite objective
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
        raise ValueError("There is no model to choose: candidates is empty.")
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
