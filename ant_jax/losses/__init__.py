"""Losses derived from distributions: Bregman divergences and exponential families."""

from ant_jax.losses.bregman import bernoulli_divergence as bernoulli_divergence
from ant_jax.losses.bregman import bregman_divergence as bregman_divergence
from ant_jax.losses.bregman import exponential_divergence as exponential_divergence
from ant_jax.losses.bregman import gamma_divergence as gamma_divergence
from ant_jax.losses.bregman import gaussian_divergence as gaussian_divergence
from ant_jax.losses.bregman import multinomial_divergence as multinomial_divergence
from ant_jax.losses.bregman import poisson_divergence as poisson_divergence
from ant_jax.losses.families import Bernoulli as Bernoulli
from ant_jax.losses.families import Exponential as Exponential
from ant_jax.losses.families import ExponentialFamily as ExponentialFamily
from ant_jax.losses.families import Gamma as Gamma
from ant_jax.losses.families import Gaussian as Gaussian
from ant_jax.losses.families import Multinomial as Multinomial
from ant_jax.losses.families import Poisson as Poisson
