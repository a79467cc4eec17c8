"""Exponential families, each with its Bregman divergence.

A regular family `p(x | t) = p0(x) exp(<x, t> - psi(t))` can be written in terms of its
mean `m = grad psi(t)` in place of its natural parameter t:

    -log p(x | m) = D(x, m) - log b(x)

where D is the divergence of `phi`, the convex conjugate of psi, and b does not depend
on the mean (Banerjee et al., *Clustering with Bregman Divergences*, JMLR 2005, theorem
4; appendix C of Liang et al., ICLR 2021). As D(x, x) = 0, `log b(x)` is the log density
of x under a mean equal to x, which is the saturated log likelihood of generalized
linear models, and D is half of their unit deviance. Maximum likelihood in the mean is
therefore minimization of D, whatever b is.

A family is a frozen and hashable value without arrays. Its functions are elementwise,
except for the multinomial, whose vectors lie along the last axis.
"""

import abc
import math

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ant_jax.dtypes import accumulator
from ant_jax.losses import bregman


class ExponentialFamily(abc.ABC):
    """A distribution, its generator phi and its divergence.

    Functions of one argument take float arrays and keep their dtype. Functions of data
    and a parameter check them as the divergences do, see `ant_jax.losses.bregman`.

    Example:
      >>> from ant_jax.losses import Bernoulli
      >>> family = Bernoulli()
      >>> logit = family.natural(jnp.array(0.75))
      >>> round(float(logit), 3), round(float(family.mean(logit)), 3)
      (1.099, 0.75)
      >>> round(float(family.log_prob(1.0, 0.75)), 3)
      -0.288
    """

    @abc.abstractmethod
    def generator(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """The convex phi(m), conjugate to `cumulant`.

        Args:
          mean: means, float of any shape; (..., d) for the multinomial.

        Returns:
          phi in the dtype of `mean`, elementwise; (...) for the multinomial.
        """

    @abc.abstractmethod
    def cumulant(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """The log-partition function psi(t), whose gradient is the mean.

        Args:
          natural: natural parameters, float of any shape; (..., d) for the multinomial.

        Returns:
          psi in the dtype of `natural`, elementwise; (...) for the multinomial.
        """

    @abc.abstractmethod
    def natural(self, mean: Float[Array, "..."]) -> Float[Array, "..."]:
        """The natural parameter t = grad phi(m) of a mean: the canonical link.

        Args:
          mean: means, float of any shape.

        Returns:
          Natural parameters of the shape and dtype of `mean`.
        """

    @abc.abstractmethod
    def mean(self, natural: Float[Array, "..."]) -> Float[Array, "..."]:
        """The mean m = grad psi(t) of a natural parameter, the inverse of `natural`.

        Args:
          natural: natural parameters, float of any shape.

        Returns:
          Means of the shape and dtype of `natural`.
        """

    @abc.abstractmethod
    def divergence(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """The divergence D(x, m) >= 0.

        Args:
          x: data, real numbers of any shape; (..., d) for the multinomial.
          mean: means, floats of that shape.

        Returns:
          Divergence in the dtype of `mean`, elementwise; (...) for the multinomial.

        Raises:
          ValueError: see the function of the family's name in `ant_jax.losses`.
        """

    @abc.abstractmethod
    def saturated_log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The term log b(x) = log p(x | mean = x); -inf outside the support.

        Args:
          x: data, float of any shape; (..., d) for the multinomial.

        Returns:
          log b in the dtype of `x`, elementwise; (...) for the multinomial.
        """

    def natural_divergence(
        self, x: ArrayLike, natural: ArrayLike
    ) -> Float[Array, "..."]:
        """D(x, mean(t)) without computing the mean: `phi(x) + psi(t) - <x, t>`.

        The loss of a model that outputs natural parameters, such as logits: its
        gradient in t is `mean(t) - x`, and it is finite where the mean rounds to the
        boundary of its domain. Also called the Fenchel-Young loss of phi.

        Args:
          x: data, real numbers.
          natural: natural parameters t, floats of the shape of x.

        Returns:
          Divergence in the dtype of `natural`, elementwise; (...) for the multinomial.

        Raises:
          ValueError: the shapes differ, or `natural` is not of a floating type.
        """
        data, t, dtype = bregman.prepare(x, natural, "natural")
        value = self.generator(data) + self.cumulant(t) - self._inner(data, t)
        return value.astype(dtype)

    def log_prob(self, x: ArrayLike, mean: ArrayLike) -> Float[Array, "..."]:
        """Log density or log mass: `log b(x) - D(x, m)`.

        Args:
          x: data, real numbers; -inf is returned outside the support.
          mean: means, floats of the shape of x.

        Returns:
          Log density in the dtype of `mean`, elementwise; (...) for the multinomial.

        Raises:
          ValueError: the shapes differ, the mean is not of a floating type, or one that
            can be checked is outside its domain.
        """
        data = jnp.asarray(x)
        divergence = self.divergence(data, mean)
        dtype = accumulator(divergence.dtype)
        saturated = self.saturated_log_prob(data.astype(dtype))
        value = saturated - divergence.astype(dtype)
        value = jnp.where(jnp.isneginf(saturated), -jnp.inf, value)
        return value.astype(divergence.dtype)

    def _inner(self, x: Array, natural: Array) -> Array:
        return x * natural


def check_positive(name: str, value: float | int) -> None:
    """Raises an error for a number that is not positive and finite.

    Raises:
      ValueError: naming the number.
    """
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a positive number, got {value!r}.")
