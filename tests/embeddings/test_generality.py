"""Anchor & Transform is general: with the right A and T it is what others are.

Appendix I of Liang et al., *Anchor & Transform*, ICLR 2021.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.embeddings import (
    AnchorEmbedding,
    AnchorParams,
    FullEmbedding,
    FullParams,
    HashingEmbedding,
    HashingParams,
    LowRankEmbedding,
    LowRankParams,
    QuotientRemainderEmbedding,
    QuotientRemainderParams,
    SelectedEmbedding,
    SelectedParams,
)

V, D, R, K = 9, 8, 3, 6
RNG = np.random.default_rng(0)
IDS = jnp.array([[0, 3, -1], [8, 3, 7]])
H = jnp.asarray(RNG.normal(size=(4, D)), jnp.float32)


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


class Same(NamedTuple):
    """Another embedding, its parameters, and the anchors and transform it is."""

    emb: object
    params: object
    # From the other's parameters to A and T, differentiable.
    convert: object


class Codebooks:
    """A sum of one codeword from each book (Shu & Nakayama, ICLR 2018)."""

    codes = jnp.asarray(RNG.integers(0, 2, (V, R)))

    def lookup(self, books, ids):
        return sum(books[book][self.codes[ids, book]] for book in range(R))

    def matrix(self, books):
        return self.lookup(books, jnp.arange(V))

    def attend(self, books, h):
        return h @ self.matrix(books).T


def from_selection(params):
    """One-hot rows: the own anchor of a kept object, the last for all others."""
    return AnchorParams(params.embedding, jax.nn.one_hot(SELECTED.rows, K))


def from_selection_with_zeros(params):
    """Rows without any anchor: what is not kept has the vector zero."""
    kept = jnp.array(SELECTED.kept)
    return AnchorParams(params.embedding[kept], jax.nn.one_hot(SELECTED.rows, K - 1))


def from_low_rank(params):
    """The factors themselves; without the constraint on T any table of that rank."""
    return AnchorParams(params.basis, params.coefficients)


def from_low_rank_nonnegative(params):
    """With T >= 0: each direction and its opposite are two anchors."""
    u, b = params.coefficients, params.basis
    transform = jnp.concatenate([jnp.maximum(u, 0), jnp.maximum(-u, 0)], axis=1)
    return AnchorParams(jnp.concatenate([b, -b]), transform)


def from_codebooks(books):
    """The codewords of all books as anchors, and one of each book in a row."""
    ones = [jax.nn.one_hot(Codebooks.codes[:, book], 2) for book in range(R)]
    return AnchorParams(jnp.concatenate(books), jnp.concatenate(ones, axis=1))


def from_quotient_remainder(params):
    objects = np.arange(V)
    ones = [jax.nn.one_hot(part, 3) for part in (objects // 3, objects % 3)]
    return AnchorParams(jnp.concatenate(params), jnp.concatenate(ones, axis=1))


def from_hashing(emb, params):
    """Two hashes that agree have the weight 2."""
    buckets = [(a * np.arange(V) + b) % (2**31 - 1) % K for a, b in emb.coefficients]
    ones = sum(jax.nn.one_hot(bucket, K) for bucket in buckets)
    return AnchorParams(params.embedding, ones)


SELECTED = SelectedEmbedding(V, D, kept=np.array([2, 7, 3, 0, 5]))
FULL = jnp.zeros((V, D)).at[jnp.array(SELECTED.kept)].set(normal(K - 1, D))
LOW_RANK = LowRankParams(normal(V, K), normal(K, D))
HALF_RANK = LowRankParams(normal(V, R), normal(R, D))
HASHING = HashingEmbedding(V, D, K, 2)
CASES = {
    "vocabulary_selection": Same(
        SELECTED, SelectedParams(normal(K, D)), from_selection
    ),
    "vocabulary_selection_with_zeros": Same(
        FullEmbedding(V, D), FullParams(FULL), from_selection_with_zeros
    ),
    "low_rank": Same(LowRankEmbedding(V, D, K), LOW_RANK, from_low_rank),
    "low_rank_nonnegative": Same(
        LowRankEmbedding(V, D, R), HALF_RANK, from_low_rank_nonnegative
    ),
    "compositional_codes": Same(
        Codebooks(), [normal(2, D) for _ in range(R)], from_codebooks
    ),
    "quotient_remainder": Same(
        QuotientRemainderEmbedding(V, D, 3, "add"),
        QuotientRemainderParams(normal(3, D), normal(3, D)),
        from_quotient_remainder,
    ),
    "hashing": Same(
        HASHING, HashingParams(normal(K, D)), functools.partial(from_hashing, HASHING)
    ),
}


def anchored(case):
    params = case.convert(case.params)
    return AnchorEmbedding(V, D, len(params.anchors)), params


@functools.partial(jax.jit, static_argnums=0)
def outputs(emb, params):
    return emb.lookup(params, IDS), emb.matrix(params), emb.attend(params, H)


@pytest.mark.parametrize("name", CASES)
def test_the_outputs_are_equal(name):
    case = CASES[name]
    wanted = outputs(case.emb, case.params)
    for got, same in zip(outputs(*anchored(case)), wanted, strict=True):
        np.testing.assert_allclose(got, same, atol=1e-5)


# A full table has a gradient in the rows that are not kept too.
@pytest.mark.parametrize(
    "name", [name for name in CASES if name != "vocabulary_selection_with_zeros"]
)
def test_the_gradients_are_equal(name):
    case = CASES[name]

    emb, _ = anchored(case)

    def through_anchors(params):
        return jnp.sum(jnp.sin(emb.lookup(case.convert(params), IDS)))

    def directly(params):
        return jnp.sum(jnp.sin(case.emb.lookup(params, IDS)))

    both = [jax.jit(jax.grad(f))(case.params) for f in (through_anchors, directly)]
    for got, wanted in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"low_rank"}))
def test_no_weight_is_negative(name):
    _, params = anchored(CASES[name])
    assert bool((params.transform >= 0).all())


def test_selected_objects_cost_one_weight_each():
    """K d for the vectors, and one number an object for which of them it has."""
    emb, params = anchored(CASES["vocabulary_selection"])
    assert emb.num_params(params) == K * D + V
    emb, params = anchored(CASES["vocabulary_selection_with_zeros"])
    assert emb.num_params(params) == (K - 1) * (D + 1)
    emb, params = anchored(CASES["compositional_codes"])
    assert emb.num_params(params) == K * D + R * V
