"""The hash functions against Python's integers, and how evenly they spread objects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ant_jax.embeddings import HashingEmbedding, HashingParams
from ant_jax.embeddings.hashing import _hash

P = 2**31 - 1


@given(
    a=st.integers(1, P - 1),
    b=st.integers(0, P - 1),
    keys=st.lists(st.integers(0, P - 1), min_size=4, max_size=4),
)
@example(P - 1, P - 1, [0, 1, P - 2, P - 1])
@example(1, 0, [P - 1, 0, 2**16, 2**16 - 1])
@example(2**16 - 1, P - 1, [2**30, 2**30 - 1, P - 1, P - 2])
def test_a_hash_in_32_bits_is_the_one_in_unbounded_integers(a, b, keys):
    found = _hash(jnp.array(keys, jnp.uint32), a, b)
    assert found.tolist() == [(a * key + b) % P for key in keys]


@pytest.mark.parametrize("step", [1, 300, 2**20])
def test_objects_meet_as_rarely_as_a_universal_hash_promises(step):
    """Over many seeds the mean share of pairs that meet in one of m rows is 1 / m."""
    keys = step * np.arange(2000)
    shares = []
    for a, b in HashingEmbedding(9, 1, 300, 400).coefficients:
        sizes = np.bincount((a * keys + b) % P % 300, minlength=300)
        shares.append((sizes * (sizes - 1)).sum() / (2000 * 1999))
    assert np.mean(shares) == pytest.approx(1 / 300, rel=0.1)


def test_seeds_give_different_hashes_and_are_kept_forever():
    one, same, other = (HashingEmbedding(9, 1, 4, 2, seed) for seed in (5, 5, 6))
    assert one.coefficients == same.coefficients != other.coefficients
    # Files and checkpoints of other versions depend on these.
    assert HashingEmbedding(9, 1, 4).coefficients == ((497539179, 73040512),)
    a, b = zip(*HashingEmbedding(9, 1, 4, 50).coefficients, strict=True)
    assert len({*a, *b}) == 100
    assert min(a) >= 1
    assert max(*a, *b) < P


def test_several_hashes_tell_objects_apart():
    table = HashingParams(np.random.default_rng(0).normal(size=(100, 1)))
    vectors = jax.jit(HashingEmbedding(500, 1, 100, 3).matrix)(table)
    assert len(np.unique(vectors)) > 490


@pytest.mark.parametrize("seed", [-1, True])
def test_seeds_must_be_non_negative_integers(seed):
    with pytest.raises(ValueError, match="seed must be a non-negative integer"):
        HashingEmbedding(3, 2, 2, seed=seed)


def test_sizes_that_the_hash_cannot_reach():
    with pytest.raises(ValueError, match=r"num_embeddings must be below 2\^31"):
        HashingEmbedding(2**31, 2, 2)
