"""Variational dropout: normal posteriors under a prior that is uniform in log scale.

Kingma, Salimans and Welling, *Variational dropout and the local reparameterization
trick*, NIPS 2015: a weight is `w ~ N(m, alpha m^2)`, which is multiplication by noise
from N(1, alpha), and the prior is `p(|w|) = 1 / |w|`. Their divergence depends on alpha
alone, and falls as alpha grows: what the data does not need is drowned in noise. Where
alpha has become large, nothing is lost when the weight is dropped.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.numerics import accumulator

# Fitted by Molchanov et al., 2017, eq. (14).
_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695
# Beyond these nothing changes any more, but logarithms and variances would overflow.
_LARGEST = 10.0


def clip_log_alpha(log_alpha: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log alpha within [-10, 10], and in float32 or wider."""
    wide = log_alpha.astype(accumulator(log_alpha.dtype))
    return jnp.clip(wide, -_LARGEST, _LARGEST)


def log_alpha_of(
    mean: Float[Array, "..."], log_variance: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Log of `variance / mean^2`, within [-10, 10]; float32 or wider.

    Learning the variance beside the mean, rather than alpha, keeps the noise out of
    the gradient of the mean: Molchanov et al., 2017, section 4.2.
    """
    wide = accumulator(mean.dtype)
    # No gradient passes where the square underflows; beyond 10 it is cut off anyway.
    square = jnp.maximum(jnp.square(mean.astype(wide)), jnp.finfo(wide).tiny)
    return clip_log_alpha(log_variance.astype(wide) - jnp.log(square))


def kl_divergence(log_alpha: Float[Array, "..."]) -> Float[Array, "..."]:
    """Divergence of N(m, alpha m^2) from the log-uniform prior, entry by entry.

        k1 - k1 sigmoid(k2 + k3 log alpha) + softplus(-log alpha) / 2

    Molchanov, Ashukha and Vetrov, *Variational dropout sparsifies deep neural
    networks*, ICML 2017, eq. (14). The prior is improper: the divergence is known up to
    a constant, and here it falls to 0 as alpha grows.

    Args:
      log_alpha: of any shape.

    Returns:
      Array of the shape and dtype of log_alpha, >= 0.

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
    """`mean + deviation * noise`, a standard normal draw for every entry of mean.

    Args:
      key: random key.
      mean: of any shape.
      deviation: broadcasts against mean.

    Returns:
      Array of the shape and dtype of mean.
    """
    wide = accumulator(mean.dtype)
    noise = jax.random.normal(key, mean.shape, wide)
    return (mean.astype(wide) + deviation.astype(wide) * noise).astype(mean.dtype)
