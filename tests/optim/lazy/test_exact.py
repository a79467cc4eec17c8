"""Lazy rows give what the dense optimizer gives, whatever is read when."""

import functools
from typing import NamedTuple

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.optim import nonnegative_soft_threshold, project_nonnegative
from ant_jax.optim.lazy import LazyRows
from ant_jax.optim.prox import identity

from .closed_forms import RULES

RATES = {"sgd": 0.3, "momentum": 0.05, "adagrad": 0.3, "amsgrad": 0.05, "yogi": 0.05}


class Shape(NamedTuple):
    """Sizes of a run: one compilation each."""

    vocab: int
    columns: int
    batch: tuple[int, ...]
    steps: int


# The second has batches of so many rows that the arithmetic is branched around.
SMALL, LARGE = Shape(9, 3, (2, 3), 40), Shape(300, 2, (17, 18), 12)


class Case(NamedTuple):
    """What is compiled once: an optimizer with its schedules."""

    name: str
    l1: str = "constant"
    rate: str = "constant"
    prox: str = "soft"
    metric: str = "adaptive"
    masked: bool = False
    shape: Shape = SMALL
    dtype: str = "float32"


PROXES = {
    "soft": nonnegative_soft_threshold,
    "project": project_nonnegative,
    "none": identity,
}


def penalties(kind, steps):
    t = np.arange(steps)
    return {
        "constant": np.full(steps, 0.05),
        "rising": 0.1 * t / steps,
        "waving": 0.05 * (1 + 0.3 * np.sin(t / 5)),  # falls, but slower than momentum
        "dropping": np.where(t < steps // 2, 0.1, 0.01),
    }[kind]


def rates(kind, name, steps):
    halvings = np.arange(steps) // (steps // 3) if kind == "halving" else 0
    return np.full(steps, RATES[name]) * 0.5**halvings


def as_schedule(values):
    """A number if all are equal, else a schedule of these very numbers."""
    if (values == values[0]).all():
        return float(values[0])
    return lambda count: jnp.asarray(values)[count]


@functools.cache
def optimizer(case, first_step=0, num_steps=None):
    steps = case.shape.steps
    return LazyRows(
        RULES[case.name],
        as_schedule(rates(case.rate, case.name, steps)),
        as_schedule(penalties(case.l1, steps)),
        first_step=first_step,
        num_steps=num_steps or steps,
        prox=PROXES[case.prox],
        metric=case.metric,
    )


class Reference:
    """The dense optimizer in float64 NumPy, written from the papers' equations."""

    def __init__(self, name, values):
        self.name, self.t = name, 0
        self.values = values.astype(np.float64)
        start = {"adagrad": 0.1, "yogi": 1e-6}.get(name, 0.0)
        self.m = np.zeros_like(self.values)
        self.v = np.full_like(self.values, start)
        self.top = np.zeros_like(self.values)
        self.before = self.reached = self.values

    def move(self, g):
        """Direction and length of a step of every coordinate, but for the rate."""
        if self.name == "sgd":
            return g, 1.0
        if self.name == "momentum":
            self.m = 0.9 * self.m + g
            return 0.1 * self.m, 10.0
        if self.name == "adagrad":
            self.v = self.v + g**2
            return g, 1 / np.sqrt(self.v + 1e-7)
        self.m = 0.9 * self.m + 0.1 * g
        unbiased = 1 - 0.9**self.t
        if self.name == "yogi":
            self.v = self.v - 0.001 * np.sign(self.v - g**2) * g**2
            rate = np.sqrt(1 - 0.999**self.t) / unbiased
            return self.m, rate / (np.sqrt(self.v) + 1e-3)
        self.v = 0.999 * self.v + 0.001 * g**2
        self.top = np.maximum(self.top, self.v / (1 - 0.999**self.t))
        return self.m, 1 / (unbiased * (np.sqrt(self.top) + 1e-8))

    def step(self, g, rate, l1, prox, metric, free):
        self.t += 1
        direction, scale = self.move(g)
        adaptive = metric == "adaptive" or self.name in ("sgd", "momentum")
        weight = np.where(free, 0.0, l1) * (scale if adaptive else 1.0)
        self.before, reached = self.values, self.values - rate * scale * direction
        if prox == "soft":
            reached = reached - rate * weight
        self.reached = reached
        self.values = reached if prox == "none" else np.maximum(reached, 0)


class Data(NamedTuple):
    """Contents of a run."""

    values: np.ndarray  # (vocab, columns)
    ids: np.ndarray  # (steps, ...)
    targets: np.ndarray  # (steps, ..., columns)
    free: np.ndarray  # (vocab, columns)


def draw(case, seed, skew, signed):
    """Contents with rows never read, once, often, and twice in a batch."""
    vocab, columns, batch, steps = case.shape
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(vocab, columns))
    values = values if signed else np.abs(values)
    ids = (vocab * rng.random((steps, *batch)) ** skew).astype(np.int32)
    ids = np.where(rng.random(ids.shape) < 0.3, ids - vocab, ids)  # the same rows
    targets = rng.normal(0.3, size=(*ids.shape, columns))
    free = case.masked & (rng.random(values.shape) < 0.3)
    return Data(values.astype(np.float32), ids, targets.astype(np.float32), free)


def loss(rows, ids, targets):
    # Weights that make the gradients of columns differ in size.
    weights = jnp.broadcast_to(jnp.arange(1.0, 1 + rows.shape[-1]), targets.shape)
    square = jnp.square(rows[ids] - targets) * weights.astype(rows.dtype)
    return 0.5 * jnp.sum(square) / ids.size


def train(lazy, table, ids, targets):
    def step(table, batch):
        ids, targets = batch
        table, pulled = lazy.pull(table, ids)
        gradient = jax.grad(loss)(pulled.rows, pulled.ids, targets)
        return lazy.push(table, pulled, gradient), None

    return jax.lax.scan(step, table, (ids, targets))[0]


@functools.cache
def program(case):
    lazy = optimizer(case)

    @jax.jit
    def run(values, free, ids, targets):
        table = train(lazy, lazy.init(values, free), ids, targets)
        return lazy.values(table), table.status

    return run


def run_lazy(case, data):
    values, status = program(case)(
        jnp.asarray(data.values, case.dtype),
        data.free if case.masked else None,
        data.ids,
        jnp.asarray(data.targets, case.dtype),
    )
    assert status == 0
    return values


def run_reference(case, data):
    reference = Reference(case.name, data.values)
    steps, columns = case.shape.steps, case.shape.columns
    rate, l1 = rates(case.rate, case.name, steps), penalties(case.l1, steps)
    weights = np.arange(1.0, 1 + columns)
    for t in range(steps):
        g = np.zeros_like(reference.values)
        ids = data.ids[t].reshape(-1)
        error = reference.values[ids] - data.targets[t].reshape(-1, columns)
        np.add.at(g, ids, error * weights / ids.size)
        reference.step(
            g, float(rate[t]), float(l1[t]), case.prox, case.metric, data.free
        )
    return reference


def assert_same(got, reference, tolerance):
    """Equal to `tolerance`, relative to an entry or to a tenth of the largest.

    An entry is a difference of numbers as large as it has ever been, so that the error
    of a small one is relative to those. The support is equal wherever float64 does not
    itself cross zero by less than the tolerance in the very last step.
    """
    assert np.isfinite(got).all()
    got, want = np.asarray(got, np.float64), reference.values
    floor = 0.1 * max(1.0, np.abs(want).max())
    np.testing.assert_array_less(
        np.abs(got - want), tolerance * np.maximum(np.abs(want), floor)
    )
    moved = (reference.before > 0) | (want > 0)
    edge = moved & (np.abs(reference.reached) <= tolerance * floor)
    np.testing.assert_array_equal((got == 0)[~edge], (want == 0)[~edge])


CASES = [
    *(Case(name) for name in RULES),
    *(Case(name, "rising", "halving", masked=True) for name in RULES),
    Case("momentum", "waving", masked=True),
    Case("amsgrad", prox="project", rate="halving"),
    Case("yogi", "waving", metric="euclidean"),
    Case("yogi", prox="none", masked=True),
    Case("yogi", "waving", masked=True, metric="euclidean", shape=LARGE),
]
# Those of which something depends on how long a row waits besides the penalty.
MOMENTA = ["momentum", "amsgrad", "yogi"]


def label(case):
    words = [case.name, case.l1, case.rate, case.prox, case.metric]
    return "-".join([*words, *["masked"] * case.masked, str(case.shape.vocab)])


@pytest.mark.parametrize("case", CASES, ids=label)
@hypothesis.settings(max_examples=8)
@hypothesis.given(
    seed=st.integers(0, 2**32 - 1),
    skew=st.sampled_from([1.0, 3.0, 30.0]),
    signed=st.booleans(),
)
def test_equals_the_dense_optimizer(case, seed, skew, signed):
    data = draw(case, seed, skew, signed)
    assert_same(run_lazy(case, data), run_reference(case, data), 1e-5)


@pytest.mark.parametrize(
    "case",
    [
        Case("adagrad", masked=True, dtype="float64"),
        *(Case(name, "waving", "halving", dtype="float64") for name in MOMENTA),
    ],
    ids=label,
)
def test_equals_the_dense_optimizer_in_float64(case):
    with jax.enable_x64(True):
        for seed in range(3):
            data = draw(case, seed, skew=3.0, signed=True)
            assert_same(run_lazy(case, data), run_reference(case, data), 1e-12)


@pytest.mark.parametrize("name", ["momentum", "yogi"])
def test_a_settled_table_is_resumed_where_l1_falls(name):
    case = Case(name, "dropping", "halving", masked=True)
    half = case.shape.steps // 2
    first, second = optimizer(case, 0, half), optimizer(case, half)
    data = draw(case, seed=3, skew=3.0, signed=False)
    ids, targets = jnp.asarray(data.ids), jnp.asarray(data.targets)

    @jax.jit
    def begin(values, free):
        table = train(first, first.init(values, free), ids[:half], targets[:half])
        return first.settle(table)

    @jax.jit
    def go_on(table):
        return second.values(train(second, table, ids[half:], targets[half:]))

    table = begin(jnp.asarray(data.values), jnp.asarray(data.free))
    got = go_on(second.resume(table))
    assert_same(got, run_reference(case, data), 1e-5)
