"""Sampler, probability and means of the Indian buffet process, one against another."""

import functools
import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import strategies as st

from ant_jax.nonparametric import ibp
from ant_jax.nonparametric.objective import objective

DRAWS = 20_000
ROOM = 24
PARAMETERS = [(1.5, 1.0), (1.2, 3.0), (2.0, 0.4)]

masses = st.floats(0.05, 5)
concentrations = st.floats(0.05, 20)
# Of two shapes, so that little is compiled; columns may be empty or alike.
matrices = st.sampled_from([1, 4]).flatmap(
    lambda size: st.lists(
        st.lists(st.booleans(), min_size=size, max_size=size), min_size=5, max_size=5
    ).map(lambda columns: np.array(columns).T)
)

log_prob = jax.jit(ibp.log_prob)
sample = jax.jit(ibp.sample, static_argnums=1, static_argnames="max_dishes")


def by_kind(matrix, mass, concentration):
    """Counts of each kind of column are independent Poisson variables."""
    size = len(matrix)
    total = 0.0
    for kind in itertools.product([0, 1], repeat=size):
        m = sum(kind)
        if m:
            rate = scipy.special.beta(m, size - m + concentration)
            count = sum(tuple(column) == kind for column in matrix.T.astype(int))
            total += scipy.stats.poisson.logpmf(count, mass * concentration * rate)
    return total


def by_customer(matrix, mass, concentration):
    """The story as it is told: customers one after the other, with SciPy's densities.

    Among the new dishes of one customer the order is of no account, while the story
    tells them apart afterwards; the factorials correct for that.
    """
    columns = matrix.T[matrix.any(axis=0)].astype(int)
    total = 0.0
    for i in range(len(matrix)):
        rate = mass * concentration / (concentration + i)
        before = columns[:, :i].sum(axis=1)
        new = (columns[:, i] == 1) & (before == 0)
        total += scipy.stats.poisson.logpmf(new.sum(), rate)
        total += math.lgamma(new.sum() + 1)
        old = before > 0
        chance = before[old] / (concentration + i)
        total += scipy.stats.bernoulli.logpmf(columns[old, i], chance).sum()
    _, repetitions = np.unique(columns, axis=0, return_counts=True)
    return total - scipy.special.gammaln(repetitions + 1).sum()


@jax.jit
def sample_many(keys, mass, concentration):
    return jax.vmap(
        lambda key: ibp.sample(key, 3, mass, concentration, max_dishes=ROOM)
    )(keys)


@functools.cache
def draws(mass, concentration):
    keys = jax.random.split(jax.random.key(3), DRAWS)
    buffets = sample_many(keys, mass, concentration)
    assert (buffets.num_dishes <= ROOM).all()
    return np.asarray(buffets.matrix), np.asarray(buffets.num_dishes)


@hypothesis.given(matrix=matrices, mass=masses, concentration=concentrations)
def test_log_prob_is_that_of_the_story_and_of_the_kinds(matrix, mass, concentration):
    got = log_prob(jnp.asarray(matrix), mass, concentration)
    assert got.dtype == jnp.float32
    for oracle in (by_kind, by_customer):
        expected = oracle(matrix, mass, concentration)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@hypothesis.given(matrix=matrices, mass=masses, seed=st.integers(0, 2**31 - 1))
def test_one_parameter_closed_form_and_exchangeability(matrix, mass, seed):
    # Griffiths & Ghahramani 2011, eq. (14).
    size = len(matrix)
    columns = matrix.T[matrix.any(axis=0)]
    m = columns.sum(axis=1)
    _, repetitions = np.unique(columns, axis=0, return_counts=True)
    expected = (
        len(columns) * math.log(mass)
        - scipy.special.gammaln(repetitions + 1).sum()
        - mass * (1 / np.arange(1, size + 1)).sum()
        + scipy.special.gammaln(size - m + 1).sum()
        + scipy.special.gammaln(m).sum()
        - len(columns) * math.lgamma(size + 1)
    )
    got = log_prob(jnp.asarray(matrix), mass)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(rng.permutation(matrix, axis=0), axis=1)
    again = log_prob(jnp.asarray(shuffled), mass)
    np.testing.assert_allclose(got, again, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("mass", "concentration"), PARAMETERS)
def test_probabilities_sum_to_one(mass, concentration):
    # With a third of the mass eight dishes suffice for three customers.
    mass, room = mass / 3, 8
    kinds = np.array(list(itertools.product([0, 1], repeat=3)))
    choices = itertools.combinations_with_replacement(range(8), room)
    matrices = np.array([kinds[list(choice)].T for choice in choices])
    logs = log_prob(jnp.asarray(matrices), mass, concentration)
    assert logs.shape == (math.comb(15, 8),)
    expected = scipy.stats.poisson.cdf(
        room, ibp.expected_dishes(3, mass, concentration).item()
    )
    assert expected > 0.9999
    assert np.exp(logs).sum() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("mass", "concentration"), PARAMETERS)
def test_frequencies_are_the_probabilities(mass, concentration):
    matrices, _ = draws(mass, concentration)
    codes = np.sort(np.einsum("bnk,n->bk", matrices, [4, 2, 1]), axis=1)
    _, index, counts = np.unique(codes, axis=0, return_index=True, return_counts=True)
    common = np.argsort(-counts)[:40]
    chances = np.exp(
        log_prob(jnp.asarray(matrices[index[common]]), mass, concentration)
    )
    deviation = np.sqrt(DRAWS * chances * (1 - chances))
    scores = (counts[common] - DRAWS * chances) / deviation
    # The common ones were chosen by their counts, which moves the last few upwards.
    assert np.abs(scores).max() < 4.5
    assert np.abs(scores[:20]).mean() < 1.3


@pytest.mark.parametrize(("mass", "concentration"), PARAMETERS)
def test_means_of_draws(mass, concentration):
    matrices, num_dishes = draws(mass, concentration)
    np.testing.assert_array_equal(matrices.any(axis=1).sum(axis=1), num_dishes)
    expected = ibp.expected_dishes(3, mass, concentration).item()
    by_hand = sum(mass * concentration / (concentration + i) for i in range(3))
    assert expected == pytest.approx(by_hand, rel=1e-6)
    error = 4.5 * math.sqrt(expected / DRAWS)
    assert num_dishes.mean() == pytest.approx(expected, abs=error)
    assert num_dishes.var() == pytest.approx(expected, rel=0.06)
    # Every customer takes Poisson(mass) dishes, the last as well as the first.
    taken = matrices.sum(axis=2)
    error = 4.5 * math.sqrt(mass / DRAWS)
    np.testing.assert_allclose(taken.mean(axis=0), mass, atol=error)
    np.testing.assert_allclose(taken.var(axis=0), mass, rtol=0.06)
    # Pairs share alpha / (1 + beta) dishes.
    shared = np.einsum("bik,bjk->ij", matrices.astype(int), matrices.astype(int))
    pairs = shared[np.triu_indices(3, 1)] / DRAWS
    np.testing.assert_allclose(pairs, mass / (1 + concentration), rtol=0.06)


def test_columns_are_in_the_order_of_appearance():
    matrices, num_dishes = draws(*PARAMETERS[1])
    first = np.where(matrices.any(axis=1), matrices.argmax(axis=1), 3)
    assert (np.diff(first, axis=1) >= 0).all()
    assert (first[np.arange(ROOM) >= num_dishes[:, None]] == 3).all()


def test_what_does_not_fit_is_counted():
    key = jax.random.key(3)
    small = sample(key, 50, 8.0, 2.0, max_dishes=4)
    large = sample(key, 50, 8.0, 2.0, max_dishes=200)
    assert small.matrix.shape == (50, 4)
    assert small.num_dishes == large.num_dishes
    assert 4 < small.num_dishes <= 200
    assert small.matrix.any(axis=0).all()
    assert small.matrix.dtype == bool


def test_a_large_concentration_shares_nothing():
    buffet = sample(jax.random.key(0), 50, 2.0, 1e8, max_dishes=200)
    assert 50 < buffet.num_dishes < 150
    np.testing.assert_array_equal(
        buffet.matrix.sum(axis=0), np.arange(200) < buffet.num_dishes
    )


def test_precision_at_the_size_of_a_vocabulary():
    size, mass, concentration = 200_000, 3.0, 1e4
    takers = np.array([1, 7, 1000, 150_000, size])
    matrix = np.arange(size)[:, None] < takers
    dishes = np.log(mass * concentration) + scipy.special.betaln(
        takers, size - takers + concentration
    )
    customers = concentration / (concentration + np.arange(size))
    expected = dishes.sum() - mass * customers.sum()
    got = log_prob(matrix, mass, concentration)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    with jax.enable_x64(True):
        got = log_prob(matrix, mass, concentration)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_takes_a_transform_padding_and_batches():
    transform = jnp.array([[0.5, 0.0, 0.0], [0.0, 0.25, 0.0]])
    binary = jnp.array([[1, 0], [0, 1]])
    expected = log_prob(binary, 2.0, 3.0)
    assert log_prob(transform, 2.0, 3.0) == expected
    batch = jnp.stack([transform, jnp.zeros_like(transform)])[None]
    got = log_prob(batch, 2.0, 3.0)
    assert got.shape == (1, 2)
    nothing = -ibp.expected_dishes(2, 2.0, 3.0)
    np.testing.assert_allclose(got[0], jnp.stack([expected, nothing]), rtol=1e-6)


def test_gradient_in_the_parameters():
    matrix = jnp.array([[1, 1, 0], [0, 1, 1]])
    slope = jax.grad(log_prob, 1)(matrix, 2.0, 3.0)
    np.testing.assert_allclose(slope, 3 / 2 - (1 + 3 / 4), rtol=1e-5)
    slope = jax.grad(log_prob, 2)(matrix, 2.0, 3.0)
    values = [by_kind(np.asarray(matrix), 2.0, 3.0 + step) for step in (-1e-4, 1e-4)]
    np.testing.assert_allclose(slope, np.diff(values)[0] / 2e-4, rtol=1e-4)


@hypothesis.given(matrix=matrices)
def test_left_ordered_form(matrix):
    form = jax.jit(ibp.left_ordered_form)
    got = np.asarray(form(matrix))
    weights = 2 ** np.arange(len(matrix))[::-1]
    np.testing.assert_array_equal(weights @ got, np.sort(weights @ matrix)[::-1])
    shuffled = np.random.default_rng(0).permutation(matrix, axis=1)
    np.testing.assert_array_equal(form(shuffled), got)
    batch = form(np.stack([matrix, got]))
    np.testing.assert_array_equal(batch, [got, got])


@hypothesis.given(matrix=matrices, l1=st.floats(0.2, 1), anchor_cost=st.floats(0.2, 2))
@hypothesis.settings(max_examples=25)
def test_objective_is_the_limit(matrix, l1, anchor_cost):
    columns = matrix.T[matrix.any(axis=0)]
    takers = columns.sum(axis=1)
    _, repetitions = np.unique(columns, axis=0, return_counts=True)
    limit = objective(0.0, takers.sum(), len(takers), l1, anchor_cost)
    # The term of first order, as the head of the file has it.
    slope = (
        scipy.special.gammaln(repetitions + 1).sum()
        - scipy.special.gammaln(takers).sum()
    )
    for scale in (10, 60, 600):
        dispersion = max(l1, anchor_cost) / scale
        mass, concentration = ibp.small_variance_parameters(l1, anchor_cost, dispersion)
        with jax.enable_x64(True):
            got = -dispersion * float(log_prob(matrix, mass, concentration))
        rest = (got - limit) / dispersion - slope
        # What is left of alpha sum_i beta / (beta + i - 1) and of each 1 + i / beta.
        bound = len(matrix) * (mass + takers.sum() / concentration)
        assert -1e-8 <= rest <= bound + 1e-8
    assert got == pytest.approx(limit, abs=0.1)


def test_the_ranking_of_the_objective_is_that_of_the_posterior():
    # To share a dish costs an entry, to have one of one's own an anchor.
    shared = jnp.array([[1, 0], [1, 0]])
    apart = jnp.array([[1, 0], [0, 1]])
    for l1, anchor_cost in [(0.5, 0.2), (0.2, 0.5)]:
        parameters = ibp.small_variance_parameters(l1, anchor_cost, 0.02)
        cheaper = log_prob(shared, *parameters) > log_prob(apart, *parameters)
        assert bool(cheaper) == (anchor_cost > l1)


def test_bad_input():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"mass must be a positive number, got 0\.0"):
        ibp.sample(key, 3, 0.0, max_dishes=2)
    with pytest.raises(ValueError, match="concentration must be a positive number"):
        ibp.log_prob(jnp.ones((2, 2)), 1.0, -1.0)
    with pytest.raises(ValueError, match=r"one number, got the shape \(2,\)"):
        ibp.expected_dishes(3, np.ones(2))
    with pytest.raises(ValueError, match="num_customers must be a positive integer"):
        ibp.expected_dishes(0, 1.0)
    with pytest.raises(ValueError, match="max_dishes must be a positive integer"):
        ibp.sample(key, 3, 1.0, max_dishes=0)
    with pytest.raises(ValueError, match=r"\(\.\.\., N, K\).*got \(3,\)"):
        ibp.log_prob(jnp.ones(3), 1.0)
    with pytest.raises(ValueError, match=r"at least one row, got \(0, 3\)"):
        ibp.left_ordered_form(jnp.ones((0, 3)))
    with pytest.raises(ValueError, match="anchor_cost must not be negative"):
        ibp.small_variance_parameters(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="too small for prices"):
        ibp.small_variance_parameters(1.0, 1.0, 1e-3)
