"""Exponential families of real and of positive numbers."""

import dataclasses
import math

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.losses import bregman
from ant_jax.losses.families.base import ExponentialFamily, check_positive
from ant_jax.losses.families.stirling import log_gamma_excess


@dataclasses.dataclass(frozen=True)
class Gaussian(ExponentialFamily):
    """The normal distribution with a known variance.

    Attributes:
      variance: variance of the distribution, > 0.

    Raises:
      ValueError: variance is not positive.

    Example:
      >>> Gaussian(variance=2.0).divergence(3.0, 1.0).item()
      1.0
    """

    variance: float = 1.0

    def __post_init__(self) -> None:
        check_positive("variance", self.variance)

    def generator(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`m^2 / (2 variance)`. See `ExponentialFamily.generator`."""
        return jnp.square(mean) / (2 * self.variance)

    def cumulant(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`variance t^2 / 2`. See `ExponentialFamily.cumulant`."""
        return jnp.square(natural) * (self.variance / 2)

    def natural(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`m / variance`. See `ExponentialFamily.natural`."""
        return mean / self.variance

    def mean(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`variance t`. See `ExponentialFamily.mean`."""
        return natural * self.variance

    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """See `gaussian_divergence`."""
        return bregman.gaussian_divergence(x, mean, self.variance)

    def saturated_log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`-log(2 pi variance) / 2`. See `ExponentialFamily.saturated_log_prob`."""
        return jnp.full_like(x, -0.5 * math.log(2 * math.pi * self.variance))


@dataclasses.dataclass(frozen=True)
class Gamma(ExponentialFamily):
    """The gamma distribution with a known shape k; its variance is `m^2 / k`.

    Attributes:
      shape: k > 0.

    Raises:
      ValueError: shape is not positive.

    Example:
      >>> Gamma(shape=2.0).divergence(3.0, 3.0).item()
      0.0
    """

    shape: float = 1.0

    def __post_init__(self) -> None:
        check_positive("shape", self.shape)

    def generator(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`k log(k/m) - k`. See `ExponentialFamily.generator`."""
        return self.shape * (math.log(self.shape) - 1 - jnp.log(mean))

    def cumulant(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`-k log(-t)`, for t < 0. See `ExponentialFamily.cumulant`."""
        return -self.shape * jnp.log(-natural)

    def natural(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """`-k / m`. See `ExponentialFamily.natural`."""
        return -self.shape / mean

    def mean(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """`-k / t`. See `ExponentialFamily.mean`."""
        return -self.shape / natural

    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """See `gamma_divergence`."""
        return bregman.gamma_divergence(x, mean, self.shape)

    def saturated_log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`k log k - k - log Gamma(k) - log x`, for x > 0. See `ExponentialFamily`."""
        return jnp.where(x > 0, -log_gamma_excess(self.shape) - jnp.log(x), -jnp.inf)

    def log_prob(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """Log density `log b(x) - D(x, m)`, and its limit at x = 0.

        Args:
          x: data, real numbers; -inf is returned below 0.
          mean: means, floats of the shape of x.

        Returns:
          Elementwise log density in the dtype of `mean`. At 0 it is -log m for k = 1,
          -inf for k > 1 and inf for k < 1.

        Raises:
          ValueError: the shapes differ, the mean is not of a floating type, or one that
            can be checked is negative.
        """
        data = jnp.asarray(x)
        # Both terms are infinite at 0.
        inside = super().log_prob(jnp.where(data == 0, 1, data), mean)
        limit = -jnp.log(jnp.asarray(mean))
        if self.shape != 1:
            limit = jnp.full_like(limit, math.inf if self.shape < 1 else -math.inf)
        return jnp.where(data == 0, limit, inside)


class Exponential(Gamma):
    """The exponential distribution: the `Gamma` distribution of shape 1. See `Gamma`.

    Example:
      >>> Exponential().log_prob(2.0, 1.0).item()
      -2.0
    """

    def __init__(self) -> None:
        super().__init__(shape=1.0)
