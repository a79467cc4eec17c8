"""Exponential families, each with its Bregman divergence."""

from ant_jax.losses.families.base import ExponentialFamily as ExponentialFamily
from ant_jax.losses.families.continuous import Exponential as Exponential
from ant_jax.losses.families.continuous import Gamma as Gamma
from ant_jax.losses.families.continuous import Gaussian as Gaussian
from ant_jax.losses.families.discrete import Bernoulli as Bernoulli
from ant_jax.losses.families.discrete import Multinomial as Multinomial
from ant_jax.losses.families.discrete import Poisson as Poisson
