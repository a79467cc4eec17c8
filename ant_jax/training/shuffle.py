"""An order for an epoch, computed rather than sorted."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

_ROUNDS = 8


def shuffled_indices(key: PRNGKeyArray, size: int) -> Int[Array, " size"]:
    """A pseudo-random permutation of `range(size)`.

    `jax.random.permutation` sorts random keys, repeatedly for large sizes; on a CPU
    that takes longer than an epoch of large batches. Here every index is sent through
    a Feistel network (Luby & Rackoff, 1988) over pairs `(left, right)` of a rectangle
    that just holds `size` cells; the few that land outside are sent through again
    until they do not (Black & Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002).
    It is a bijection whatever the key, and random enough for the order of examples,
    though not uniform over all permutations.

    Args:
      key: source of the order.
      size: number of indices, at least 1 and below 2^31.

    Returns:
      int32 (size,), each index once.

    Example:
      >>> import jax
      >>> sorted(shuffled_indices(jax.random.key(0), 5).tolist())
      [0, 1, 2, 3, 4]
    """
    if not 1 <= size < 2**31:
        raise ValueError(f"size must be in [1, 2^31), got {size}.")
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)
    height, width, limit = (jnp.uint32(n) for n in (rows, columns, size))
    round_keys = jax.random.bits(key, (_ROUNDS,), jnp.uint32)

    def scramble(index: UInt32[Array, " size"]) -> UInt32[Array, " size"]:
        left, right = index // width, index % width
        for r in range(0, _ROUNDS, 2):
            left = (left + _mix(right ^ round_keys[r]) % height) % height
            right = (right + _mix(left ^ round_keys[r + 1]) % width) % width
        return left * width + right

    def outside(index: UInt32[Array, " size"]) -> Array:
        return jnp.any(index >= limit)

    def again(index: UInt32[Array, " size"]) -> UInt32[Array, " size"]:
        return jnp.where(index >= limit, scramble(index), index)

    start = scramble(jnp.arange(size, dtype=jnp.uint32))
    return lax.while_loop(outside, again, start).astype(jnp.int32)


def _mix(x: UInt32[Array, " size"]) -> UInt32[Array, " size"]:
    """The finalizer of MurmurHash3: every bit of x reaches every bit of the result."""
    x = (x ^ (x >> jnp.uint32(16))) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> jnp.uint32(13))) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> jnp.uint32(16))
