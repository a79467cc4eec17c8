"""Pulling and pushing rows: what is read, merged, compiled and stored."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ant_jax.optim import rules
from ant_jax.optim.lazy import LazyRows
from ant_jax.optim.prox import identity

from .closed_forms import RULES

VOCAB, COLUMNS = 7, 3
VALUES = np.abs(np.random.default_rng(0).normal(size=(VOCAB, COLUMNS))) + 0.5
VALUES = VALUES.astype(np.float32)


def loss(rows, ids):
    return jnp.mean(jnp.square(rows[ids] - 0.3))


def make_step(lazy):
    def step(table, ids):
        table, pulled = lazy.pull(table, ids)
        gradient = jax.grad(loss)(pulled.rows, pulled.ids)
        return lazy.push(table, pulled, gradient)

    return step


@functools.cache
def make_train(lazy):
    def scan(table, ids):
        step = make_step(lazy)
        return jax.lax.scan(lambda table, ids: (step(table, ids), None), table, ids)[0]

    return jax.jit(scan, donate_argnums=0)


@functools.cache
def optimizer(name="yogi"):
    return LazyRows(RULES[name], 0.1, l1=0.01, num_steps=50)


def batches(steps=6, batch=4, vocab=VOCAB, seed=1):
    ids = np.random.default_rng(seed).integers(0, vocab, (steps, batch))
    return jnp.asarray(ids, jnp.int32)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((), np.int32),
        ((0,), np.int32),
        ((2, 3), np.int32),
        ((6,), np.int8),
        ((6,), np.uint8),
        ((6,), np.uint32),
    ],
)
def test_pulled_rows_stand_for_those_of_the_ids(shape, dtype):
    low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -VOCAB
    ids = np.random.default_rng(2).integers(low, VOCAB, shape).astype(dtype)
    lazy = optimizer()
    table = jax.jit(lazy.init)(VALUES)
    table, pulled = jax.jit(lazy.pull)(table, ids)
    assert pulled.rows.shape == (ids.size, COLUMNS)
    assert pulled.ids.shape == shape
    np.testing.assert_array_equal(np.asarray(pulled.rows)[pulled.ids], VALUES[ids])
    # Equal ids share a place, and only that is written back.
    written = np.asarray(pulled.row_ids)
    written = written[written < VOCAB]
    assert sorted(written) == sorted({int(i) % VOCAB for i in ids.reshape(-1)})
    np.testing.assert_array_equal(lazy.values(table), VALUES)


def test_narrow_ids_reach_a_large_table():
    values = jnp.arange(1000.0)[:, None]
    lazy = LazyRows(rules.sgd(), 1.0, num_steps=1)
    table = jax.jit(lazy.init)(values)
    _, pulled = jax.jit(lazy.pull)(table, np.array([-128, 0, 127], np.int8))
    np.testing.assert_array_equal(pulled.rows[pulled.ids, 0], [872, 0, 127])


def test_gradients_of_equal_ids_add_up():
    lazy = LazyRows(rules.sgd(), 1.0, num_steps=1, prox=identity)
    ids = np.array([[5, 2, 5], [-2, 2, 0]])  # -2 is 5 too
    slopes = np.random.default_rng(3).normal(size=(*ids.shape, COLUMNS))

    @jax.jit
    def step(table):
        table, pulled = lazy.pull(table, ids)

        def linear(rows):
            return jnp.sum(rows[pulled.ids] * jnp.asarray(slopes, jnp.float32))

        return lazy.push(table, pulled, jax.grad(linear)(pulled.rows))

    table = step(jax.jit(lazy.init)(VALUES))
    want = VALUES.astype(np.float64)
    np.add.at(want, ids, -slopes)
    np.testing.assert_allclose(lazy.values(table), want, rtol=1e-6, atol=1e-6)
    got, untouched = np.asarray(lazy.values(table)), [1, 3, 4, 6]
    np.testing.assert_array_equal(got[untouched], VALUES[untouched])


def test_one_numbering_for_two_tables():
    rows, bias = optimizer(), LazyRows(rules.sgd(), 0.1, num_steps=50, prox=identity)
    ids = np.array([3, 1, 3, 3, 0])

    def slope(pulled):
        return jax.grad(lambda rows: jnp.sum(rows[pulled.ids]))(pulled.rows)

    @jax.jit
    def step():
        table = bias.init(jnp.arange(7.0)[:, None])
        alone, own = bias.pull(table, ids)
        alone = bias.push(alone, own, slope(own))
        _, pulled = rows.pull(rows.init(jnp.asarray(VALUES)), ids)
        table, beside = bias.pull(table, ids, like=pulled)
        together = bias.push(table, beside, slope(beside))
        return pulled, beside, bias.values(together), bias.values(alone)

    pulled, beside, together, alone = step()
    np.testing.assert_array_equal(beside.ids, pulled.ids)
    np.testing.assert_array_equal(beside.row_ids, pulled.row_ids)
    np.testing.assert_array_equal(np.asarray(beside.rows)[beside.ids][:, 0], ids)
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(alone[:, 0], [-0.1, 0.9, 2, 2.7, 4, 5, 6], rtol=1e-6)


def test_settle_changes_no_value():
    lazy = optimizer()
    table = make_train(lazy)(lazy.init(jnp.asarray(VALUES)), batches())
    values = lazy.values(table)
    settled = lazy.settle(table)
    np.testing.assert_array_equal(lazy.values(settled), values)
    np.testing.assert_array_equal(settled.words[:, -1], np.full(VOCAB, 6))
    np.testing.assert_array_equal(lazy.settle(settled).words, settled.words)
    # Pulling brings rows to the same place.
    _, pulled = jax.jit(lazy.pull)(table, jnp.arange(VOCAB))
    np.testing.assert_allclose(np.asarray(pulled.rows)[pulled.ids], values, rtol=1e-6)


def test_compiles_once_and_gives_what_scan_gives():
    lazy = optimizer()
    step = jax.jit(make_step(lazy), donate_argnums=0)
    table = lazy.init(jnp.asarray(VALUES))
    for ids in batches():
        table = step(table, ids)
    assert int(table.count) == 6
    assert step._cache_size() == 1
    scanned = make_train(lazy)(lazy.init(jnp.asarray(VALUES)), batches())
    np.testing.assert_allclose(lazy.values(table), lazy.values(scanned), rtol=1e-6)


@pytest.mark.parametrize("vocab", [VOCAB, 20_000])
def test_create_draws_what_init_is_given(vocab):
    lazy, key, block = optimizer(), jax.random.key(4), 16_384
    initializer = jax.nn.initializers.uniform(1.0)
    starts = range(0, vocab, block)
    drawn = [
        initializer(
            jax.random.fold_in(key, start), (min(block, vocab - start), 2), jnp.float32
        )
        for start in starts
    ]
    created = lazy.create(key, (vocab, 2), initializer)
    given = lazy.init(jnp.concatenate(drawn))
    assert created.layout == given.layout
    np.testing.assert_array_equal(created.words[:, 1:], given.words[:, 1:])
    np.testing.assert_array_equal(lazy.values(created), jnp.concatenate(drawn))


def test_a_table_of_several_blocks_settles():
    vocab = 2 * 16_384 + 5
    lazy = LazyRows(rules.sgd(), 1.0, l1=0.25, num_steps=9)
    values = jnp.arange(float(vocab))[:, None]
    table = lazy.init(values)

    @jax.jit
    def idle(table, ids):
        table, pulled = lazy.pull(table, ids)
        return lazy.push(table, pulled, jnp.zeros_like(pulled.rows))

    for i in range(3):
        table = idle(table, jnp.array([5 + i]))
    want = np.maximum(np.arange(vocab) - 0.75, 0)[:, None]
    np.testing.assert_array_equal(lazy.values(table), want)
    np.testing.assert_array_equal(lazy.values(lazy.settle(table)), want)


def test_goes_on_from_leaves():
    lazy, train = optimizer(), make_train(optimizer())
    half = train(lazy.init(jnp.asarray(VALUES)), batches())
    leaves, treedef = jax.tree.flatten(half)
    stored = [np.array(leaf) for leaf in leaves]
    restored = jax.tree.unflatten(treedef, [jnp.asarray(leaf) for leaf in stored])
    later = batches(seed=2)
    jax.tree.map(
        np.testing.assert_array_equal, train(restored, later), train(half, later)
    )


def test_replicated_over_devices_it_is_the_same():
    lazy = optimizer()
    want = make_train(lazy)(lazy.init(jnp.asarray(VALUES)), batches())
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    everywhere = NamedSharding(mesh, PartitionSpec())
    table = jax.device_put(lazy.init(jnp.asarray(VALUES)), everywhere)
    table = make_train(lazy)(table, jax.device_put(batches(), everywhere))
    for leaf in jax.tree.leaves(table):
        assert leaf.sharding.is_equivalent_to(everywhere, leaf.ndim)
    np.testing.assert_array_equal(table.count, want.count)
    np.testing.assert_allclose(lazy.values(table), lazy.values(want), rtol=1e-6)


def compiled(lazy, vocab, batch, options, donate=True):
    table = lazy.create(jax.random.key(0), (vocab, 8), jax.nn.initializers.ones)
    train = make_train(lazy)
    if not donate:
        train = jax.jit(train.__wrapped__)
    return table, train.lower(table, batches(3, batch, vocab)).compile(options)


def table_sized(text, table):
    """Operations whose result is the table; fusions count as what they end in."""
    shape = r"s32\[{},{}\]".format(*table.words.shape)
    roots = {}
    for body in re.split(r"\n\n", text):
        if match := re.match(r"\s*(?:ENTRY )?%?([\w.-]+) ", body):
            root = re.search(r"ROOT \S+ = \S+ ([\w-]+)\(", body)
            roots[match[1]] = root[1] if root else None
    found = []
    for line in re.findall(rf"= {shape}\S* ([\w-]+\(.*)", text):
        operation = line.split("(")[0]
        if operation == "fusion":
            operation = roots[re.search(r"calls=%?([\w.-]+)", line)[1]]
        found.append(operation)
    return found


@pytest.mark.parametrize(("name", "batch"), [("sgd", 64), ("yogi", 512)])
def test_a_step_makes_nothing_of_the_size_of_the_table(name, batch, users_compiler):
    table, program = compiled(optimizer(name), 100_000, batch, users_compiler)
    found = table_sized(program.as_text(), table)
    # Two writes in place, of places and of rows, and names for the buffer.
    assert {"scatter"} < set(found)
    assert set(found) <= {"parameter", "get-tuple-element", "bitcast", "scatter"}
    memory = program.memory_analysis()
    assert memory.alias_size_in_bytes >= table.words.nbytes
    assert memory.temp_size_in_bytes < table.words.nbytes / 10
    _, larger = compiled(optimizer(name), 200_000, batch, users_compiler)
    assert larger.memory_analysis().temp_size_in_bytes == memory.temp_size_in_bytes


def test_a_copy_would_be_seen(users_compiler):
    table, program = compiled(optimizer(), 100_000, 64, users_compiler, donate=False)
    assert "copy" in table_sized(program.as_text(), table)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_step_lowers_for_accelerators(platform):
    lazy = optimizer()
    table = lazy.init(jnp.ones((1000, COLUMNS)))
    traced = make_train(lazy).trace(table, batches(3, 300, 1000))
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert f"tensor<1000x{table.layout.width}xi32>" in text
    assert "stablehlo.scatter" in text


def test_slots_in_bfloat16_are_smaller_and_nearly_right():
    rng = np.random.default_rng(5)
    vocab, steps = 200, 400
    start = np.abs(rng.normal(size=(vocab, 8))).astype(np.float32)
    ids = (vocab * rng.random((steps, 64)) ** 2).astype(np.int32)
    values, sizes = {}, {}
    for dtype in (jnp.float32, jnp.bfloat16):
        lazy = LazyRows(rules.yogi(), 0.02, l1=4e-4, num_steps=steps, slot_dtype=dtype)
        table = make_train(lazy)(jax.jit(lazy.init)(start), ids)
        assert int(table.count) == steps
        values[dtype] = np.asarray(lazy.values(table))
        sizes[dtype] = table.words.nbytes
    exact, rounded = values[jnp.float32], values[jnp.bfloat16]
    assert sizes[jnp.bfloat16] <= 0.8 * sizes[jnp.float32]
    # Entries went 0.65 on average, and a thousandth of it differently.
    error = np.abs(rounded - exact)
    assert np.mean(np.abs(exact - start)) > 0.3
    assert 0 < np.mean(error) < 0.002
    assert np.max(error) < 0.03
    assert 0.05 < np.mean(exact == 0) < 0.5
    assert np.mean((rounded == 0) != (exact == 0)) < 0.01
