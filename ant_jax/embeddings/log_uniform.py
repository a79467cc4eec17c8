"""Variational dropout: normal posteriors under a log-uniform prior.

Kingma, Salimans and Welling, *Variational dropout and the local reparameterization
trick*, NIPS 2015: a weight is `w ~ N(m, alpha m^2)`, that is m times noise from
N(1, alpha), and the prior is `p(|w|) = 1 / |w|`. Their divergence depends on alpha
alone and falls as alpha grows, so noise drowns what the data does not need. A weight
whose alpha has become large can be dropped without loss.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.dtypes import accumulator

# Constants of Molchanov et al., 2017, eq. (14).
_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695
# Beyond it the divergence is flat, but logarithms and variances would overflow.
_LARGEST = 10.0


def clip_log_alpha(log_alpha: Float[Array, "..."]) -> Float[Array, "..."]:
    """Clips log alpha to [-10, 10], in float32 or wider.

    Args:
      log_alpha: float of any shape.

    Returns:
      Array of that shape.

    Example:
      >>> clip_log_alpha(jnp.array([-50.0, 0.5, 50.0])).tolist()
      [-10.0, 0.5, 10.0]
    """
    wide = log_alpha.astype(accumulator(log_alpha.dtype))
    return jnp.clip(wide, -_LARGEST, _LARGEST)


def log_alpha_of(
    mean: Float[Array, "..."], log_variance: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Log of `variance / mean^2`, clipped to [-10, 10], in float32 or wider.

    Learning the variance beside the mean, in place of alpha, keeps the noise out of the
    gradient of the mean: Molchanov et al., 2017, section 4.2.

    Args:
      mean: float of any shape.
      log_variance: float of that shape.

    Returns:
      Array of that shape.

    Example:
      >>> log_alpha_of(jnp.array([1.0, 0.0]), jnp.array([-3.0, -3.0])).tolist()
      [-3.0, 10.0]
    """
    wide = accumulator(mean.dtype)
    # No gradient passes where the square underflows, but there the result is clipped.
    square = jnp.maximum(jnp.square(mean.astype(wide)), jnp.finfo(wide).tiny)
    return clip_log_alpha(log_variance.astype(wide) - jnp.log(square))


def kl_divergence(log_alpha: Float[Array, "..."]) -> Float[Array, "..."]:
    """Divergence of N(m, alpha m^2) from the log-uniform prior, elementwise.

        k1 - k1 sigmoid(k2 + k3 log alpha) + softplus(-log alpha) / 2

    Molchanov, Ashukha and Vetrov, *Variational dropout sparsifies deep neural
    networks*, ICML 2017, eq. (14). The prior is improper, so the divergence is defined
    up to a constant, which is chosen to make it fall to 0 as alpha grows.

    Args:
      log_alpha: float of any shape.

    Returns:
      Array of the shape and dtype of `log_alpha`, >= 0.

    Example:
      >>> [round(float(kl_divergence(jnp.float32(x))), 2) for x in (-8, 0, 8)]
      [4.64, 0.43, 0.0]
    """
    return _K1 * jax.nn.sigmoid(-_K2 - _K3 * log_alpha) + 0.5 * jax.nn.softplus(
        -log_alpha
    )


def perturb(
    key: PRNGKeyArray, mean: Float[Array, "..."], deviation: Float[Array, "..."]
) -> Float[Array, "..."]:
    """`mean + deviation * noise`, with standard normal noise for every entry.

    Args:
      key: PRNG key.
      mean: float of any shape.
      deviation: float, broadcasting against `mean`.

    Returns:
      Array of the shape and dtype of `mean`.

    Example:
      >>> import jax
      >>> mean, deviation = jnp.array([1.0, 2.0]), jnp.array([0.0, 0.0])
      >>> perturb(jax.random.key(0), mean, deviation).tolist()
      [1.0, 2.0]
    """
    wide = accumulator(mean.dtype)
    noise = jax.random.normal(key, mean.shape, wide)
    return (mean.astype(wide) + deviation.astype(wide) * noise).astype(mean.dtype)
