"""Sums over idle steps, and where one clamp at the end of them is exact."""

import math

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.optim import halving_schedule, rules
from ant_jax.optim.lazy.timeline import fade, gap, make_timeline, split

STEPS = 60
momenta = pytest.mark.parametrize("b", [0.0, 0.5, 0.99])


def idle(b, rate=np.ones_like):
    return rules.Idle(rate=rate, metric=lambda slots: jnp.ones(()), momentum=b)


def as_schedule(values):
    return lambda count: jnp.asarray(values, jnp.float32)[count]


def sums(s, l1, b, then, now):
    """G and L with one rounding each; `s[0]` is the step 1."""
    steps = range(then + 1, now + 1)
    glide = math.fsum(s[u - 1] * b ** (u - then) for u in steps)
    return glide, math.fsum(s[u - 1] * l1[u - 1] for u in steps)


@momenta
@hypothesis.settings(max_examples=6)
@hypothesis.given(
    seed=st.integers(0, 2**32 - 1), now=st.integers(0, STEPS), rises=st.booleans()
)
def test_sums_of_any_schedule(b, seed, now, rises):
    rng = np.random.default_rng(seed)
    lr = 10 ** rng.uniform(-4, 0, STEPS)
    lr = np.float32(np.sort(lr) if rises else lr).astype(np.float64)
    l1 = np.float32(rng.random(STEPS)).astype(np.float64)
    table = make_timeline(
        idle(b),
        as_schedule(lr),
        as_schedule(l1),
        (0, STEPS),
        clamped=False,
        adaptive=True,
    )
    past = gap(split(table, np.float32), b, jnp.arange(STEPS + 1), jnp.array(now))
    past = jax.tree.map(np.asarray, past)
    for then in range(now + 1):
        glide, shrink = sums(lr, l1, b, then, now)
        assert past.steps[then] == now - then
        np.testing.assert_allclose(past.shrink[then], shrink, rtol=1e-6)
        # Where longer steps lie ahead, the error is relative to what they would glide.
        ahead = b / (1 - b) * (1 - b ** (now - then)) * lr.max()
        np.testing.assert_allclose(
            past.glide[then], glide, rtol=1e-6, atol=1e-6 * ahead
        )
    assert past.glide[now] == past.shrink[now] == 0


@momenta
def test_sums_late_in_a_long_run(b):
    steps, late = 1_200_000, 1_000_000
    l1 = 3e-6
    table = make_timeline(
        idle(b, rate=lambda t: 1 - 0.5 / t),
        halving_schedule(0.1, 300_000),
        l1,
        (0, steps),
        clamped=True,
        adaptive=True,
    )
    lines = split(table, np.float32)
    t = np.arange(1, steps + 1)
    s = np.float64(np.float32(0.1)) * 0.5 ** ((t - 1) // 300_000) * (1 - 0.5 / t)
    for start in (0, late - 7, late):
        for length in (1, 2, 7, 100, 10_000, 199_999):
            then, now = start, start + length
            past = gap(lines, b, jnp.array([then]), jnp.array(now))
            shrink = l1 * math.fsum(s[then:now])
            np.testing.assert_allclose(past.shrink[0], shrink, rtol=5e-7)
            fading = s[then:now] * b ** np.arange(1.0, length + 1)
            np.testing.assert_allclose(past.glide[0], math.fsum(fading), rtol=1e-6)


def test_without_momentum_the_average_is_the_next_step():
    table = make_timeline(
        idle(0.0, np.sqrt), 0.5, 0.25, (3, 7), clamped=True, adaptive=True
    )
    # After the last step its own is repeated.
    np.testing.assert_array_equal(table[:, 0], 0.5 * np.sqrt([4, 5, 6, 7, 7]))


def test_the_metric_says_whether_the_penalty_follows_the_rate():
    def shrink(adaptive):
        table = make_timeline(
            idle(0.5, rate=np.sqrt), 0.5, 0.25, (0, 4), clamped=True, adaptive=adaptive
        )
        return table[:, 1]

    np.testing.assert_allclose(shrink(False), 0.125 * np.arange(5), rtol=1e-15)
    terms = np.sqrt([0, 1, 2, 3, 4])
    np.testing.assert_allclose(shrink(True), 0.125 * np.cumsum(terms), rtol=1e-15)


def test_a_run_that_begins_late_has_the_same_sums():
    lr, l1 = halving_schedule(0.1, 5), as_schedule(np.linspace(0, 1, 30))
    whole, part = (
        make_timeline(
            idle(0.5, np.sqrt), lr, l1, (start, 30), clamped=True, adaptive=True
        )
        for start in (0, 12)
    )
    assert part.shape == (19, 2)
    np.testing.assert_allclose(part[:, 0], whole[12:, 0], rtol=1e-12)
    np.testing.assert_allclose(part[:, 1], whole[12:, 1] - whole[12, 1], rtol=1e-12)


def walk(p, m, s, l1, b):
    """Idle steps with a clamp in each, and with one at the end."""
    free = np.copy(p)
    for u in range(len(s)):
        move = s[u] * (b ** (u + 1) * m + l1[u])
        p, free = np.maximum(p - move, 0), free - move
    return p, np.maximum(free, 0)


@pytest.mark.parametrize("b", [0.5, 0.9])
@hypothesis.settings(max_examples=12)
@hypothesis.given(seed=st.integers(0, 2**32 - 1), fall=st.floats(0.4, 1.0))
def test_one_clamp_is_exact_where_accepted(b, seed, fall):
    rng = np.random.default_rng(seed)
    steps = 12
    # Rates of the rule that change, and a penalty that falls by up to a given factor.
    l1 = np.cumprod(np.concatenate([[1.0], rng.uniform(fall, 1.1, steps - 1)]))
    lr = rng.uniform(0.01, 1, steps)
    try:
        make_timeline(
            idle(b),
            as_schedule(lr),
            as_schedule(l1),
            (0, steps),
            clamped=True,
            adaptive=True,
        )
    except ValueError:
        # Refused: some penalty falls faster than momentum, and a row that momentum
        # carries up past it between the two shows the difference.
        at = int(np.argmin(l1[1:] / l1[:-1]))
        assert l1[at + 1] < b * l1[at] * (1 + 1e-6)
        # Between what stays at 0 in the first step and what stays there in the second.
        middle = -math.sqrt(l1[at] / b * l1[at + 1] / b**2)
        two = slice(at, at + 2)
        each, last = walk(np.zeros(1), middle, lr[two], l1[two], b)
        assert l1[at + 1] > b * l1[at] * (1 - 1e-6) or each > last
        return
    p = rng.exponential(0.3, 200) * (rng.random(200) < 0.8)
    m = rng.normal(size=200) * 10 ** rng.uniform(-2, 1, 200)
    each, last = walk(p, m, lr, l1, b)
    np.testing.assert_allclose(last, each, atol=1e-6)


def test_a_falling_penalty_is_refused_where_it_falls():
    def make(l1, b=0.9, clamped=True, start=0):
        return make_timeline(
            idle(b), 0.1, l1, (start, start + 20), clamped=clamped, adaptive=True
        )

    def drop(count):
        return jnp.where(count < 7, 1.0, 0.5)

    with pytest.raises(
        ValueError,
        match=r"l1 falls at step 7 from 1 to 0\.5.*num_steps=7.*first_step=7",
    ):
        make(drop)
    with pytest.raises(ValueError, match="l1 falls at step 7 "):
        make(drop, start=5)
    make(drop, start=7)
    make(drop, b=0.0)
    make(drop, b=0.4)
    make(drop, clamped=False)
    make(lambda count: 0.95 ** count.astype(jnp.float32))


def test_a_rate_that_rises_weakens_a_euclidean_penalty():
    # Relative to a direction whose rate grows fourfold, a constant penalty falls.
    rising = idle(0.9, rate=lambda t: np.where(t < 3, 1.0, 4.0))
    make_timeline(rising, 0.1, 1.0, (0, 5), clamped=True, adaptive=True)
    with pytest.raises(ValueError, match="l1 falls at step 2 "):
        make_timeline(rising, 0.1, 1.0, (0, 5), clamped=True, adaptive=False)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["learning_rate", "l1"])
def test_bad_rates_are_refused(name, bad):
    for value, at in (bad, 0), (lambda count: jnp.where(count == 3, bad, 1.0), 3):
        given = {"learning_rate": 0.1, "l1": 0.1, name: value}
        with pytest.raises(ValueError, match=f"{name} must be .* >= 0 .* count {at}"):
            make_timeline(idle(0.9), **given, steps=(0, 5), clamped=True, adaptive=True)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.999])
def test_a_factor_fades(factor):
    steps = jnp.array([0.0, 1.0, 2.0, 100.0, 10_000.0])
    want = factor ** np.asarray(steps, np.float64)
    np.testing.assert_allclose(fade(factor, steps), want, rtol=3e-6, atol=1e-38)
