"""Rows that wait for up to a million steps, early and late in a long run."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.optim import halving_schedule
from ant_jax.optim.lazy import LazyRows

from .closed_forms import RULES

ROWS, COLUMNS = 128, 2
GAPS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
STARTS = [0, 1_000_000]
NUM_STEPS = STARTS[-1] + GAPS[-1] + 1
RATE, HALVING, WARMUP = 2**-4, 300_000, 500_000
# So that a million steps take about as much as an entry is at most.
PENALTIES = {
    "sgd": 1e-4,
    "momentum": 1e-5,
    "adagrad": 1e-4,
    "amsgrad": 1e-5,
    "yogi": 2e-6,
}


def penalty(name, count):
    return PENALTIES[name] * jnp.where(count < WARMUP, 0.5, 1.0)


@functools.cache
def optimizer(name):
    return LazyRows(
        RULES[name],
        halving_schedule(RATE, HALVING),
        functools.partial(penalty, name),
        num_steps=NUM_STEPS,
    )


@functools.cache
def stepper(lazy):
    @jax.jit
    def step(table, gradient):
        table, pulled = lazy.pull(table, jnp.arange(ROWS))
        return lazy.push(table, pulled, gradient)

    return step


@functools.cache
def after_one_step(name, start):
    """A table at step `start + 1` whose rows have all had a gradient in it."""
    rng = np.random.default_rng(5)
    lazy = optimizer(name)
    size = 10 ** rng.uniform(-6, 0.5, (ROWS, COLUMNS))
    table = lazy.init(jnp.asarray(size, jnp.float32))
    table = dataclasses.replace(
        table,
        words=table.words.at[:, -1].set(start),
        count=jnp.full((), start, jnp.int32),
    )
    gradient = jnp.asarray(rng.normal(size=size.shape) * size, jnp.float32)
    return lazy, stepper(lazy)(table, gradient)


def idle(name, row, start):
    """Walks through idle steps in float64; yields the gap, values and what is left.

    A penalized entry may rise and fall again while momentum lasts, which is walked step
    by step with a clamp in each; 0.9^1000 is 2e-46, and then entries can but fall.
    """
    p = np.asarray(row.values, np.float64)
    slots = {key: np.asarray(slot, np.float64) for key, slot in row.slots.items()}
    t = start + 2 + np.arange(GAPS[-1])
    s = RATE * 0.5 ** ((t - 1) // HALVING)
    l1 = np.float32(PENALTIES[name]) * np.where(t - 1 < WARMUP, 0.5, 1.0)
    m = c = None
    if name == "sgd":
        m, c = 0.0, 1.0
    if name == "momentum":
        m, c = 0.1 * slots["mu"], 10.0
    if name == "adagrad":
        m, c = 0.0, 1 / np.sqrt(slots["nu"] + 1e-7)
    if name == "amsgrad":
        m, c = slots["mu"], 1 / (np.sqrt(slots["nu_max"]) + 1e-8)
        s = s / (1 - 0.9**t)
    if name == "yogi":
        m, c = slots["mu"], 1 / (np.sqrt(slots["nu"]) + 1e-3)
        s = s * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    for step in range(1000):
        m = 0.9 * m
        reached = p - s[step] * c * (m + l1[step])
        p = np.maximum(reached, 0)
        if step + 1 in GAPS:
            yield step + 1, p, reached
    for gap in GAPS:
        if gap > 1000:
            reached = p - c * math.fsum(s[1000:gap] * l1[1000:gap])
            yield gap, np.maximum(reached, 0), reached


def errors(name, start):
    """For every gap the largest error relative to an entry or a tenth of its start."""
    lazy, table = after_one_step(name, start)
    row = table.layout.unpack(table.words)
    floor = 0.1 * np.asarray(row.values)
    for gap, want, reached in idle(name, row, start):
        now = dataclasses.replace(table, count=table.count + gap)
        got = np.asarray(lazy.values(now))
        size = np.maximum(want, floor)
        # Zero on one side only where float64 itself is within an error of zero.
        edge = np.abs(reached) <= 1e-5 * size
        np.testing.assert_array_equal((got == 0)[~edge], (want == 0)[~edge])
        safe = np.where(size > 0, size, 1)
        yield gap, np.max(np.abs(got - want) / safe), np.mean(want > 0)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", RULES)
def test_no_gap_loses_precision(name, start):
    alive = []
    for gap, error, left in errors(name, start):
        assert error <= 5e-6, (gap, error)
        alive.append(left)
    # The gaps do something, and not everything.
    assert alive[0] > 0.4
    assert 0 < alive[-1] < 0.5 * alive[0]


@pytest.mark.parametrize("name", ["momentum", "amsgrad", "yogi"])
def test_momentum_fades(name):
    lazy, table = after_one_step(name, 0)
    before = table.layout.unpack(table.words).slots
    for gap in (1, 10, 100):
        now = lazy.settle(dataclasses.replace(table, count=table.count + gap))
        after = now.layout.unpack(now.words).slots
        want = np.asarray(before["mu"], np.float64) * 0.9**gap
        np.testing.assert_allclose(after["mu"], want, rtol=2e-6)
        for kept in set(before) & ({"nu"} if name == "yogi" else {"nu_max"}):
            np.testing.assert_array_equal(after[kept], before[kept])


def test_a_million_settled_steps_end_where_one_gap_does():
    # Errors of many short gaps do not add up to more than those of a long one.
    lazy, table = after_one_step("yogi", 0)
    want = lazy.values(dataclasses.replace(table, count=table.count + 1_000_000))

    @jax.jit
    def hop(table):
        def body(_, table):
            table = dataclasses.replace(table, count=table.count + 1000)
            return lazy.settle(table)

        return jax.lax.fori_loop(0, 1000, body, table)

    got = lazy.values(hop(table))
    np.testing.assert_array_equal(got == 0, want == 0)
    np.testing.assert_allclose(got, want, rtol=1e-4)
