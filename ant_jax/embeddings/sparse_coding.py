"""Sparse coding of a trained table: all objects as combinations of a few."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ant_jax.dtypes import accumulator
from ant_jax.embeddings import base
from ant_jax.embeddings.anchor import AnchorEmbedding, AnchorParams
from ant_jax.ops.ids import Objects, check_objects
from ant_jax.optim.prox import nonnegative_soft_threshold, soft_threshold

# Rows solved together: many enough for fast products, few enough for the cache.
_ROWS = 1024
_STEPS_BETWEEN_CHECKS = 10


def sparse_code(
    table: npt.ArrayLike,
    base_ids: Objects,
    l1: float,
    *,
    nonnegative: bool = True,
    tolerance: float = 1e-3,
    max_steps: int = 10_000,
) -> tuple[AnchorEmbedding, AnchorParams]:
    """Writes every object as a sparse combination of the rows of base objects.

    Chen, Mou, Xu, Li and Jin, *Compressing Neural Language Models by Sparse Word
    Representations*, ACL 2016: common words keep their rows, which form the dictionary,
    and every other word has the code t that minimizes

        |x - t A|^2 / 2 + l1 |t|_1,    t >= 0 if nonnegative.

    (The paper also pulls the sum of a code towards 1 and negative entries towards 0;
    this function does not.) In the terms of Anchor & Transform the base rows are the
    anchors, `T[base_ids]` is the identity, and no training follows.

    The problem is convex. FISTA (Beck and Teboulle, 2009) with restarts (O'Donoghue and
    Candès, 2015) solves it for many objects at once, until the duality gap of each
    proves that it is solved.

    Args:
      table: trained or pretrained vectors, float (V, d), all finite.
      base_ids: ids of K base objects, distinct and in [0, V), such as the most frequent
        ones.
      l1: weight of the penalty, > 0, in the units of an inner product of two rows: an
        object has the code zero if none of its inner products with the base rows
        exceeds l1.
      nonnegative: whether codes must be non-negative, like T of an `AnchorEmbedding`.
        Otherwise T has both signs, and codes of the same error are sparser.
      tolerance: largest duality gap of an object relative to `|x|^2 / 2`, > 0. Below
        about 1e-5 it takes a table of float64.
      max_steps: limit on the steps of the solver, for each object.

    Returns:
      The description and its parameters: A of shape (K, d), and T of shape (V, K) with
      exact zeros.

    Raises:
      ValueError: a shape, an id or a number is wrong.
      RuntimeError: max_steps were not enough.

    Example:
      >>> table = np.array([[1.0, 0.0], [0.0, 2.0], [0.6, 0.1]], np.float32)
      >>> _, params = sparse_code(table, [0, 1], l1=0.3)
      >>> [round(weight, 2) for weight in params.transform[2].tolist()]
      [0.3, 0.0]
    """
    array = base.check_table(table)
    vocab, features = array.shape
    objects = check_objects(base_ids, vocab, "base_ids")
    for name, value in (("l1", l1), ("tolerance", tolerance)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a finite number > 0, got {value!r}.")
    emb = AnchorEmbedding(vocab, features, objects.size, param_dtype=array.dtype)
    wide = array.astype(accumulator(array.dtype))
    anchors = wide[objects]
    # Slightly enlarged, since rounding may have lowered it; never zero or infinite.
    lipschitz = 1.0001 * np.linalg.norm(anchors.astype(np.float64), 2) ** 2
    limits = np.finfo(anchors.dtype)
    lipschitz = np.clip(lipschitz, float(limits.tiny), float(limits.max))
    problem = _Problem(
        anchors=jnp.asarray(anchors),
        gram=jnp.asarray(anchors) @ jnp.asarray(anchors).T,
        lipschitz=jnp.asarray(lipschitz, anchors.dtype),
        l1=jnp.asarray(l1, anchors.dtype),
        tolerance=jnp.asarray(tolerance, anchors.dtype),
    )
    transform = np.zeros((vocab, objects.size), array.dtype)
    transform[objects, np.arange(objects.size)] = 1
    rest = np.setdiff1d(np.arange(vocab), objects)
    transform[rest] = _solve_all(problem, wide[rest], max_steps, nonnegative)
    return emb, AnchorParams(jnp.asarray(array[objects]), jnp.asarray(transform))


class _Problem(NamedTuple):
    anchors: Float[Array, "anchors features"]
    gram: Float[Array, "anchors anchors"]  # A Aᵀ
    lipschitz: Float[Array, ""]  # of the gradient, the largest eigenvalue of gram
    l1: Float[Array, ""]
    tolerance: Float[Array, ""]


def _solve_all(
    problem: _Problem, rows: npt.NDArray[Any], max_steps: int, nonnegative: bool
) -> npt.NDArray[Any]:
    codes = np.zeros((len(rows), len(problem.anchors)), rows.dtype)
    gap, max_checks = 0.0, -(-max_steps // _STEPS_BETWEEN_CHECKS)
    for begin in range(0, len(rows), _ROWS):
        block = rows[begin : begin + _ROWS]
        # One shape, to compile once; the padding of zeros is solved immediately.
        padded = np.pad(block, ((0, _ROWS - len(block)), (0, 0)))
        found, found_gap = _solve(
            problem, jnp.asarray(padded), max_checks, nonnegative=nonnegative
        )
        codes[begin : begin + _ROWS] = np.asarray(found)[: len(block)]
        gap = np.maximum(gap, float(found_gap))
    # Not `gap > tolerance`: the gap is NaN if squares overflow.
    if not gap <= problem.tolerance:
        raise RuntimeError(
            f"Sparse coding stopped after {max_steps} steps at a duality gap of "
            f"{gap:.1e}, which is more than {float(problem.tolerance):.1e}: raise "
            "max_steps, tolerance or l1."
        )
    return codes


class _State(NamedTuple):
    codes: Float[Array, "rows anchors"]
    ahead: Float[Array, "rows anchors"]  # where the next gradient is taken
    momentum: Float[Array, "rows 1"]
    gap: Float[Array, ""]  # the largest
    checks: Int[Array, ""]


@functools.partial(jax.jit, static_argnames="nonnegative")
def _solve(
    problem: _Problem,
    rows: Float[Array, "rows features"],
    max_checks: Int[Array, ""] | int,
    *,
    nonnegative: bool,
) -> tuple[Float[Array, "rows anchors"], Float[Array, ""]]:
    """Codes, and the largest of their duality gaps."""
    anchors, step = problem.anchors, 1 / problem.lipschitz
    products = rows @ anchors.T
    prox = nonnegative_soft_threshold if nonnegative else soft_threshold

    def residual_products(codes: Array) -> Array:
        """`(x - t A) Aᵀ`, in the cheaper order."""
        if len(anchors) <= 2 * anchors.shape[1]:
            return products - codes @ problem.gram
        return (rows - codes @ anchors) @ anchors.T

    def advance(_: Array, state: _State) -> _State:
        ahead = state.ahead
        new = prox(ahead + step * residual_products(ahead), problem.l1, step)
        moved = new - state.codes
        # Restart: momentum that points uphill is dropped, separately for each object.
        uphill: Bool[Array, "rows 1"]
        uphill = jnp.sum((ahead - new) * moved, axis=1, keepdims=True) > 0
        old = jnp.where(uphill, jnp.ones_like(state.momentum), state.momentum)
        momentum = (1 + jnp.sqrt(1 + 4 * jnp.square(old))) / 2
        ahead = new + jnp.where(uphill, 0, (old - 1) / momentum) * moved
        return state._replace(codes=new, ahead=ahead, momentum=momentum)

    def check(state: _State) -> _State:
        state = lax.fori_loop(0, _STEPS_BETWEEN_CHECKS, advance, state)
        gaps = _relative_gaps(
            problem, rows, state.codes, residual_products(state.codes), nonnegative
        )
        return state._replace(gap=jnp.max(gaps), checks=state.checks + 1)

    def unsolved(state: _State) -> Bool[Array, ""]:
        return (state.gap > problem.tolerance) & (state.checks < max_checks)

    one = jnp.ones((len(rows), 1), rows.dtype)
    infinite = jnp.asarray(jnp.inf, rows.dtype)
    codes = jnp.zeros_like(products)
    start = _State(codes, codes, one, infinite, jnp.zeros((), jnp.int32))
    state = lax.while_loop(unsolved, check, start)
    return state.codes, state.gap


def _relative_gaps(
    problem: _Problem,
    rows: Float[Array, "rows features"],
    codes: Float[Array, "rows anchors"],
    products: Float[Array, "rows anchors"],
    nonnegative: bool,
) -> Float[Array, " rows"]:
    """Duality gaps over `|x|^2 / 2`; the dual point is the scaled residual."""
    residual = rows - codes @ problem.anchors
    square = jnp.sum(jnp.square(residual), axis=1)
    largest = jnp.max(products if nonnegative else jnp.abs(products), axis=1)
    tiny = jnp.finfo(rows.dtype).tiny
    limit = problem.l1 / jnp.maximum(largest, tiny)
    inner = jnp.sum(rows * residual, axis=1)
    scale = jnp.clip(inner / jnp.maximum(square, tiny), 0, limit)
    primal = square / 2 + problem.l1 * jnp.sum(jnp.abs(codes), axis=1)
    dual = scale * inner - jnp.square(scale) * square / 2
    whole = jnp.sum(jnp.square(rows), axis=1) / 2
    return (primal - dual) / jnp.maximum(whole, tiny)
