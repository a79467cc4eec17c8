"""Pairs of bfloat16 in one word, rounded stochastically so that small changes survive.

A second moment changes by a thousandth a step, while bfloat16 has a relative precision
of 1/256: rounded to nearest it would never change. Rounding up with a probability equal
to the fraction that is cut off makes it right on average.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int


def join(
    x: Float[Array, "rows columns"], seed: Int[Array, " rows"]
) -> Int[Array, "rows words"]:
    """Rounds float32 to bfloat16 and packs two of them into a word.

    Args:
      x: float32 (n, c).
      seed: a number that differs from one rounding of a row to the next, int32 (n,).

    Returns:
      int32 (n, ceil(c / 2)).

    Example:
      >>> words = join(jnp.array([[1.0, -2.0]]), jnp.zeros(1, jnp.int32))
      >>> part(words).tolist()
      [[1.0, -2.0]]
    """
    x = jnp.pad(x, [(0, 0), (0, x.shape[1] % 2)])
    bits = lax.bitcast_convert_type(x, jnp.uint32)
    lanes = jnp.arange(x.shape[1], dtype=jnp.uint32)[None]
    mixed = bits ^ (seed.astype(jnp.uint32)[:, None] * jnp.uint32(0x9E3779B9) + lanes)
    noise = _scramble(mixed) >> 16
    # Otherwise the bits that make it a NaN may be among those that are cut off.
    quiet = bits | jnp.uint32(0x00400000)
    rounded = jnp.where(jnp.isnan(x), quiet, bits + noise) >> 16
    return lax.bitcast_convert_type(
        rounded[:, ::2] | (rounded[:, 1::2] << 16), jnp.int32
    )


def part(words: Int[Array, "rows words"]) -> Float[Array, "rows columns"]:
    """The float32 numbers that `join` packed.

    Args:
      words: int32 (n, w).

    Returns:
      float32 (n, 2 w).

    Example:
      >>> part(jnp.array([[0x40003F80]])).tolist()
      [[1.0, 2.0]]
    """
    bits = lax.bitcast_convert_type(words, jnp.uint32)
    pairs = jnp.stack([bits << 16, bits & jnp.uint32(0xFFFF0000)], axis=-1)
    floats = lax.bitcast_convert_type(pairs, jnp.float32)
    return floats.reshape(words.shape[0], 2 * words.shape[1])


def _scramble(x: Array) -> Array:
    # Multiplications and shifts that mix every bit into all others.
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
