"""The two-parameter Indian buffet process: a prior over the non-zero entries of T.

Customers (objects) enter one after the other. Customer i takes each dish (anchor) that
m earlier ones took with probability `m / (beta + i - 1)`, and a Poisson number of new
dishes with mean `alpha beta / (beta + i - 1)`. The mass alpha is the mean number of
dishes of a customer; the concentration beta measures how little customers share, and
beta = 1 is the one-parameter process. Ghahramani, Griffiths & Sollich, *Bayesian
Nonparametric Latent Feature Models*, Bayesian Statistics 8, 2007, section 5.

Probabilities are those of the class [Z] of all matrices that differ only in the order
of their columns. With N rows, K non-empty columns, m_k ones in column k, and K_h
columns of each kind h,

    p([Z]) = (alpha beta)^K / prod_h K_h!
             * exp(-alpha sum_i beta / (beta + i - 1))
             * prod_k Gamma(m_k) Gamma(N - m_k + beta) / Gamma(N + beta).

**The objective of nbANT as a limit** (appendix A of Liang et al., ICLR 2021). Let a
model have `-log p(x | Z) = loss / s` up to a constant; the dispersion s is twice the
variance of a Gaussian if the loss is a squared error. Let

    alpha = exp(-anchor_cost / s),   beta = exp(l1 / s),   l1 > 0, anchor_cost >= 0

and let s tend to 0 with N and Z fixed. As beta grows, the last factor of p tends to
`Gamma(m_k) beta^(-m_k)`: every entry of Z costs a factor 1 / beta, and every dish
contributes `alpha beta`. The exponent of the second factor stays in [-alpha N, 0]. So,
with nnz the sum of the m_k,

    -s log p([Z]) = l1 nnz + (anchor_cost - l1) K
                    + s (sum_h log K_h! - sum_k log Gamma(m_k) + alpha N) + o(s),

and the mode of the posterior tends to the minimum of `loss + l1 nnz + (anchor_cost -
l1) K`. The concentration has to grow: if it fell, a dish would cost the same for any
number of customers who take it (unless all do). K counts the anchors in use; an unused
anchor has no price here, while the published objective charges for it.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

from ant_jax.embeddings.base import check_sizes


class Buffet(NamedTuple):
    """A draw of the process.

    Attributes:
      matrix: bool (customers, max_dishes), dishes in the order of their appearance.
      num_dishes: number of dishes drawn, int32 (); above max_dishes if some did not
        fit.

    Example:
      >>> import jax
      >>> buffet = sample(jax.random.key(0), 3, mass=1.0, max_dishes=8)
      >>> bool(buffet.num_dishes >= buffet.matrix.any(axis=0).sum())
      True
    """

    matrix: Bool[Array, "customers max_dishes"]
    num_dishes: Int[Array, ""]


def sample(
    key: PRNGKeyArray,
    num_customers: int,
    mass: ArrayLike,
    concentration: ArrayLike = 1.0,
    *,
    max_dishes: int,
) -> Buffet:
    """Draws a binary matrix from the Indian buffet process.

    All customers are drawn at once: a dish that customer i takes first has, under the
    underlying beta process, a probability drawn from Beta(1, beta + i - 1), with which
    each later customer takes it independently. Works under `jit` and `vmap`.

    Args:
      key: PRNG key, of JAX's default implementation.
      num_customers: number N of rows, at least 1.
      mass: alpha > 0.
      concentration: beta > 0.
      max_dishes: number of columns, at least 1. A draw has `num_dishes` dishes, a
        Poisson number with mean `expected_dishes`. Dishes that do not fit are dropped;
        the others are distributed as with more columns.

    Returns:
      The matrix (num_customers, max_dishes), with dishes in the order in which they
      were first taken followed by empty columns, and the number of dishes drawn, which
      exceeds max_dishes if some were dropped.

    Raises:
      ValueError: a size is not a positive integer, or a parameter that can be checked
        is not positive.

    Example:
      >>> import jax
      >>> buffet = sample(jax.random.key(0), 5, mass=2.0, max_dishes=32)
      >>> buffet.matrix.shape, bool(buffet.num_dishes <= 32)
      ((5, 32), True)
    """
    check_sizes(num_customers=num_customers, max_dishes=max_dishes)
    alpha = _positive("mass", mass)
    beta = _positive("concentration", concentration)
    rates = _rates(num_customers, beta)
    new_key, dish_key, take_key = jax.random.split(key, 3)
    new = jax.random.poisson(new_key, alpha * rates, (num_customers,), jnp.int32)
    drawn = jnp.cumsum(new)
    first = jnp.searchsorted(drawn, jnp.arange(max_dishes), side="right")
    # Beta(1, b) is 1 - exp(-E / b) with E exponential, accurate for large b too.
    scale = beta + first.astype(rates.dtype)
    draws = jax.random.exponential(dish_key, (max_dishes,), rates.dtype)
    taste = -jnp.expm1(-draws / scale)
    shape = (num_customers, max_dishes)
    taken = jax.random.bernoulli(take_key, taste[None, :], shape, mode="high")
    customer = jnp.arange(num_customers)[:, None]
    matrix = (customer == first[None, :]) | ((customer > first[None, :]) & taken)
    return Buffet(matrix, drawn[-1])


def log_prob(
    matrix: ArrayLike, mass: ArrayLike, concentration: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Normalized log probability of the class [Z] of a binary matrix.

    The order of rows and columns does not matter, and empty columns do not count, so a
    matrix may be padded. Differentiable in the parameters.

    Args:
      matrix: (..., N, K), any dtype; entries other than zero count as ones, so that T
        itself can be passed.
      mass: alpha > 0.
      concentration: beta > 0.

    Returns:
      Log probabilities (...), float32, or float64 if that is enabled.

    Raises:
      ValueError: the matrix has fewer than two axes or no row, or a parameter that can
        be checked is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> print(f"{log_prob(jnp.array([[1, 1, 0]]), mass=1.0):.4f}")
      -1.6931
    """
    matrix = _matrix(matrix)
    alpha = _positive("mass", mass)
    beta = _positive("concentration", concentration)
    size = matrix.shape[-2]
    taken = matrix.astype(bool)
    takers = jnp.sum(taken, axis=-2, dtype=jnp.int32)
    rates = _rates(size, beta)
    dishes = jnp.sum(takers > 0, axis=-1, dtype=jnp.int32).astype(rates.dtype)
    each = jnp.where(
        takers > 0, _log_dish(size, beta)[takers], jnp.zeros((), rates.dtype)
    )
    return (
        dishes * (jnp.log(alpha) + jnp.log(beta))
        - alpha * jnp.sum(rates)
        + jnp.sum(each, axis=-1)
        - _log_repetitions(taken, takers, rates.dtype)
    )


def expected_dishes(
    num_customers: int, mass: ArrayLike, concentration: ArrayLike = 1.0
) -> Float[Array, ""]:
    """Mean number of dishes, `alpha sum_{i=1}^N beta / (beta + i - 1)`.

    The number is Poisson, so this is also its variance. The mean number of ones is `N
    alpha` for any beta.

    Args:
      num_customers: N, at least 1.
      mass: alpha > 0.
      concentration: beta > 0.

    Returns:
      The mean, a scalar of float32, or float64 if that is enabled.

    Raises:
      ValueError: num_customers is not a positive integer, or a parameter that can be
        checked is not positive.

    Example:
      >>> expected_dishes(3, mass=6.0).round(4).item()
      11.0
    """
    check_sizes(num_customers=num_customers)
    beta = _positive("concentration", concentration)
    return _positive("mass", mass) * jnp.sum(_rates(num_customers, beta))


def left_ordered_form(matrix: ArrayLike) -> Shaped[Array, "... customers dishes"]:
    """The representative of [Z]: columns sorted as binary numbers, largest first.

    The first row holds the most significant bits, and entries other than zero count as
    ones.

    Args:
      matrix: (..., N, K), any dtype.

    Returns:
      The same columns in sorted order; empty ones come last.

    Raises:
      ValueError: the matrix has fewer than two axes or no row.

    Example:
      >>> import jax.numpy as jnp
      >>> left_ordered_form(jnp.array([[0, 1, 1], [0, 0, 1]])).tolist()
      [[1, 1, 0], [1, 0, 0]]
    """
    matrix = _matrix(matrix)
    taken = matrix.astype(bool)
    order = jnp.broadcast_to(
        jnp.arange(matrix.shape[-1]), (*matrix.shape[:-2], matrix.shape[-1])
    )

    def by_row(step: Array, order: Array) -> Array:
        # Stable, from the least significant row up: a radix sort.
        row = jax.lax.dynamic_index_in_dim(
            taken, matrix.shape[-2] - 1 - step, axis=-2, keepdims=False
        )
        bits = jnp.take_along_axis(row, order, axis=-1)
        moves = jnp.argsort(~bits, axis=-1, stable=True)
        return jnp.take_along_axis(order, moves, axis=-1)

    order = jax.lax.fori_loop(0, matrix.shape[-2], by_row, order)
    return jnp.take_along_axis(matrix, order[..., None, :], axis=-1)


def small_variance_parameters(
    l1: float, anchor_cost: float, dispersion: float
) -> tuple[float, float]:
    """Mass and concentration for which the log probability tends to nbANT's objective.

    `-dispersion log_prob(Z, mass, concentration)` tends to `l1 nnz + (anchor_cost - l1)
    K` as the dispersion tends to 0: see the docstring of this module.

    Args:
      l1: price of an entry of T, > 0.
      anchor_cost: price of an anchor with its first entry, >= 0.
      dispersion: s > 0 in `-log p(x | Z) = loss / s`. The parameters must fit in
        float32, or in float64 if that is enabled: s must be at least 1/87 of the larger
        price for the one, and 1/700 for the other.

    Returns:
      `exp(-anchor_cost / s)` and `exp(l1 / s)`.

    Raises:
      ValueError: a price or the dispersion is out of range, or the dispersion is too
        small for Python floats to hold the parameters.

    Example:
      >>> mass, concentration = small_variance_parameters(0.1, 0.2, dispersion=0.1)
      >>> round(mass, 3), round(concentration, 3)
      (0.135, 2.718)
    """
    for name, value in (("l1", l1), ("dispersion", dispersion)):
        _positive(name, value)
    if not anchor_cost >= 0:
        raise ValueError(f"anchor_cost must not be negative, got {anchor_cost}.")
    if max(l1, anchor_cost) > 700 * dispersion:
        raise ValueError(
            f"A dispersion of {dispersion} is too small for prices of {l1} and "
            f"{anchor_cost}: exp(±price / dispersion) does not fit in a float."
        )
    return math.exp(-anchor_cost / dispersion), math.exp(l1 / dispersion)


def _matrix(matrix: ArrayLike) -> Shaped[Array, "... customers dishes"]:
    array = jnp.asarray(matrix)
    if array.ndim < 2 or array.shape[-2] == 0:
        raise ValueError(
            "matrix must have the shape (..., N, K) with at least one row, got "
            f"{array.shape}."
        )
    return array


def _rates(size: int, beta: Array) -> Float[Array, " customers"]:
    """`beta / (beta + i - 1)` of every customer i."""
    return 1 / (1 + jnp.arange(size, dtype=beta.dtype) / beta)


def _log_dish(size: int, beta: Array) -> Float[Array, " takers"]:
    """`log Gamma(m) Gamma(N - m + beta) / Gamma(N + beta)` for m = 0, ..., N.

    The quotient is `1 / prod_{j=1}^m (beta + N - j)`: the logarithms of two huge gamma
    functions would cancel.
    """
    others = jnp.arange(size - 1, -1, -1, dtype=beta.dtype)
    steps = jnp.log(jnp.maximum(jnp.arange(size, dtype=beta.dtype), 1)) - jnp.log(
        beta + others
    )
    return jnp.concatenate([jnp.zeros(1, beta.dtype), jnp.cumsum(steps)])


def _log_repetitions(
    taken: Array, takers: Int[Array, "... dishes"], dtype: np.dtype
) -> Float[Array, "..."]:
    """`sum_h log K_h!` over the kinds of non-empty columns."""
    # float32 is exact for counts up to 2^24, and its products are far faster.
    counts = taken.astype(jnp.float32 if taken.shape[-2] <= 2**24 else jnp.int32)
    common = jnp.einsum("...nj,...nk->...jk", counts, counts).astype(jnp.int32)
    same = (common == takers[..., :, None]) & (common == takers[..., None, :])
    same &= (takers > 0)[..., :, None]
    # The j-th column of a kind has rank j, and the product of the ranks is j!.
    rank = jnp.sum(jnp.triu(same), axis=-2, dtype=jnp.int32)
    return jnp.sum(jnp.log(jnp.maximum(rank, 1).astype(dtype)), axis=-1)


def _positive(name: str, value: ArrayLike) -> Float[Array, ""]:
    if np.ndim(value) != 0:
        raise ValueError(
            f"{name} must be one number, got the shape {np.shape(value)}; use jax.vmap "
            "for several."
        )
    if not isinstance(value, jax.Array):
        number = np.asarray(value)
        if not (number > 0 and np.isfinite(number)):
            raise ValueError(f"{name} must be a positive number, got {value!r}.")
    return jnp.asarray(value, float)
