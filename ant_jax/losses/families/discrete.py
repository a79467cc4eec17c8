"""Exponential families of labels and counts."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from ant_jax.losses import bregman
from ant_jax.losses.families.base import ExponentialFamily, check_positive
from ant_jax.losses.families.stirling import log_factorial_excess


@dataclasses.dataclass(frozen=True)
class Poisson(ExponentialFamily):
    """The Poisson distribution of counts.

    Example:
      >>> Poisson().log_prob(0, 2.0).item()
      -2.0
    """

    def generator(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`m log m - m`. See `ExponentialFamily.generator`."""
        return _x_log_x(mean) - mean

    def cumulant(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`exp t`. See `ExponentialFamily.cumulant`."""
        return jnp.exp(natural)

    def natural(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`log m`. See `ExponentialFamily.natural`."""
        return jnp.log(mean)

    def mean(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`exp t`. See `ExponentialFamily.mean`."""
        return jnp.exp(natural)

    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """See `poisson_divergence`."""
        return bregman.poisson_divergence(x, mean)

    def saturated_log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`x log x - x - log x!`, without cancellation. See `ExponentialFamily`."""
        return jnp.where(_is_count(x), -log_factorial_excess(x), -jnp.inf)


@dataclasses.dataclass(frozen=True)
class Bernoulli(ExponentialFamily):
    """The distribution of a binary label.

    Example:
      >>> import jax.numpy as jnp
      >>> Bernoulli().natural_divergence(jnp.array(1.0), jnp.array(-200.0)).item()
      200.0
    """

    def generator(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`m log m + (1-m) log(1-m)`. See `ExponentialFamily.generator`."""
        return _x_log_x(mean) + _x_log_x(1 - mean)

    def cumulant(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`log(1 + exp t)`. See `ExponentialFamily.cumulant`."""
        return jax.nn.softplus(natural)

    def natural(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`log(m / (1-m))`, the logit. See `ExponentialFamily.natural`."""
        return jnp.log(mean) - jnp.log1p(-mean)

    def mean(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`1 / (1 + exp(-t))`, the sigmoid. See `ExponentialFamily.mean`."""
        return jax.nn.sigmoid(natural)

    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """See `bernoulli_divergence`."""
        return bregman.bernoulli_divergence(x, mean)

    def saturated_log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """0 on the support. See `ExponentialFamily.saturated_log_prob`."""
        return jnp.where((x == 0) | (x == 1), jnp.zeros_like(x), -jnp.inf)


@dataclasses.dataclass(frozen=True)
class Multinomial(ExponentialFamily):
    """The distribution of the counts of d outcomes in a fixed number of trials.

    Data and means are vectors (..., d) that sum to `num_trials`. The natural parameters
    are logits, which are determined up to a constant. One trial is the case of a
    one-hot label and a softmax.

    Attributes:
      num_trials: sum of the counts.

    Raises:
      ValueError: num_trials is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> labels, logits = jnp.array([0.0, 1.0, 0.0]), jnp.array([5.0, 5.0, -200.0])
      >>> Multinomial().natural_divergence(labels, logits).round(3).item()
      0.6930000185966492
    """

    num_trials: int = 1

    def __post_init__(self) -> None:
        check_positive("num_trials", self.num_trials)

    def generator(self, mean: Float[Array, "... d"]) -> Float[Array, "..."]:
        """`sum_j m_j log(m_j / num_trials)`. See `ExponentialFamily.generator`."""
        shares = mean / self.num_trials
        return self.num_trials * jnp.sum(_x_log_x(shares), axis=-1)

    def cumulant(self, natural: Float[Array, "... d"]) -> Float[Array, "..."]:
        """`num_trials log sum_j exp t_j`. See `ExponentialFamily.cumulant`."""
        return self.num_trials * jax.nn.logsumexp(natural, axis=-1)

    def natural(self, mean: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """`log(m / num_trials)`, of cumulant 0. See `ExponentialFamily.natural`."""
        return jnp.log(mean / self.num_trials)

    def mean(self, natural: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """`num_trials softmax(t)`. See `ExponentialFamily.mean`."""
        return self.num_trials * jax.nn.softmax(natural, axis=-1)

    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """See `multinomial_divergence`."""
        return bregman.multinomial_divergence(x, mean)

    def saturated_log_prob(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """`log(n! / prod_j x_j!) + sum_j x_j log(x_j / n)`. See `ExponentialFamily`."""
        supported = jnp.all(_is_count(x), axis=-1)
        supported &= jnp.sum(x, axis=-1) == self.num_trials
        total = log_factorial_excess(jnp.asarray(self.num_trials, x.dtype))
        parts = jnp.sum(log_factorial_excess(x), axis=-1)
        return jnp.where(supported, total - parts, -jnp.inf)

    def _inner(self, x: Array, natural: Array) -> Array:
        return jnp.sum(x * natural, axis=-1)


def _x_log_x(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`x log x`, 0 at 0, where its derivative is kept finite."""
    safe = jnp.where(x == 0, jnp.ones_like(x), x)
    return x * jnp.log(safe)


def _is_count(x: Float[Array, "..."]) -> Bool[Array, "..."]:
    return (x >= 0) & (x == jnp.floor(x))
