"""Factorials relative to Stirling's approximation."""

import math
from typing import TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

# From here on the series of the remainder of Stirling's formula is accurate to 1e-14.
_FROM = 16
_EXCESS = (
    0.0,
    *(math.lgamma(n + 1) - n * math.log(n) + n for n in range(1, _FROM)),
)

Number = TypeVar("Number", float, Array)


def log_gamma_excess(k: float) -> float:
    """`log Gamma(k) - (k log k - k)` of a number, without cancellation."""
    if k < _FROM:
        return math.lgamma(k) - k * math.log(k) + k
    return 0.5 * math.log(2 * math.pi / k) + _series(k)


def log_factorial_excess(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`log x! - (x log x - x)` of counts, without cancellation between its terms."""
    index = jnp.clip(x, 0, _FROM - 1).astype(jnp.int32)
    small = jnp.asarray(_EXCESS, x.dtype)[index]
    safe = jnp.maximum(x, _FROM)
    large = 0.5 * jnp.log(2 * math.pi * safe) + _series(safe)
    return jnp.where(x < _FROM, small, large)


def _series(x: Number) -> Number:
    """`log x! - log(sqrt(2 pi x) (x/e)^x)` for x >= 16: 1/(12x) - 1/(360x^3) + ..."""
    square = 1 / (x * x)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x
