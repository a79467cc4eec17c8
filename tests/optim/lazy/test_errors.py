"""Where exactness ends, and bad input: one clear message, and the table as it was."""

import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from ant_jax.optim import (
    group_soft_threshold,
    hard_threshold,
    rules,
    soft_threshold,
)
from ant_jax.optim.lazy import LazyRows

VOCAB, STEPS = 5, 4
VALUES = np.arange(1.0, 11.0, dtype=np.float32).reshape(VOCAB, 2)


@functools.cache
def lazy():
    return LazyRows(rules.yogi(), 0.1, l1=0.01, num_steps=STEPS)


@functools.cache
def compiled_step():
    @jax.jit
    def step(table, ids):
        table, pulled = lazy().pull(table, ids)
        return lazy().push(table, pulled, pulled.rows), pulled.rows[pulled.ids]

    return step


@functools.cache
def start():
    return jax.jit(lazy().init)(VALUES)


def after(*batches):
    table = start()
    for ids in batches:
        table, _ = compiled_step()(table, jnp.array(ids))
    return table


def assert_broken_as_it_was(table, before, match):
    """Every call raises, and rows and state are those of `before`."""
    for call in (lazy().values, lazy().settle, lazy().check, lazy().resume):
        with pytest.raises(ValueError, match=match):
            call(table)
    mended = dataclasses.replace(table, status=before.status)
    np.testing.assert_array_equal(table.count, before.count)
    np.testing.assert_array_equal(table.words[:, 1:], before.words[:, 1:])
    np.testing.assert_array_equal(lazy().values(mended), lazy().values(before))


def test_adam_has_no_closed_form():
    with pytest.raises(ValueError, match=r"no closed form.*Adam's.*amsgrad or"):
        LazyRows(rules.adam(), 0.1, num_steps=1)


@pytest.mark.parametrize(
    "prox", [soft_threshold, hard_threshold, group_soft_threshold, lambda x, s, c: x]
)
def test_other_operators_have_no_closed_form(prox):
    with pytest.raises(ValueError, match=f"{prox.__name__} has no closed form .*dense"):
        LazyRows(rules.yogi(), 0.1, 0.1, num_steps=1, prox=prox)


def test_a_falling_penalty_is_refused():
    def l1(count):
        return jnp.where(count < 6, 0.5, 0.25)

    with pytest.raises(ValueError, match=r"l1 falls at step 6 .*num_steps=6\), settle"):
        LazyRows(rules.yogi(), 0.1, l1, num_steps=10)
    LazyRows(rules.yogi(), 0.1, l1, num_steps=6)
    LazyRows(rules.yogi(), 0.1, l1, first_step=6, num_steps=10)
    LazyRows(rules.adagrad(), 0.1, l1, num_steps=10)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"metric": "manhattan"}, "metric must be"),
        ({"num_steps": 0}, "0 <= first_step < num_steps"),
        ({"num_steps": 5, "first_step": 5}, "0 <= first_step < num_steps"),
        ({"first_step": -1}, "0 <= first_step < num_steps"),
        ({"num_steps": 2**31}, "num_steps < 2\\^31"),
        ({"slot_dtype": jnp.float16}, "slot_dtype must be"),
        ({"learning_rate": -0.1}, "learning_rate must be .* >= 0"),
        ({"l1": float("nan")}, "l1 must be finite"),
    ],
)
def test_bad_arguments_are_refused(given, match, monkeypatch):
    # As for a user, without the checks of types, which refuse an unknown metric first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    arguments = {"learning_rate": 0.1, "l1": 0.1, "num_steps": 3} | given
    with pytest.raises(ValueError, match=match):
        LazyRows(rules.yogi(), **arguments)


def test_bad_tables_are_refused():
    # Without the checks of shapes that the tests put around it.
    init = functools.partial(inspect.unwrap(LazyRows.init), lazy())
    for dtype in (jnp.bfloat16, jnp.float16, jnp.int32):
        with pytest.raises(ValueError, match="float32 or float64, got"):
            init(jnp.ones((3, 2), dtype))
    for shape in ((3,), (3, 2, 2), (0, 2), (3, 0)):
        with pytest.raises(ValueError, match="The table must be a matrix"):
            init(jnp.ones(shape))
    with pytest.raises(ValueError, match="The table must be a matrix"):
        lazy().create(jax.random.key(0), (0, 2), jax.nn.initializers.ones)
    halved = LazyRows(rules.yogi(), 0.1, num_steps=1, slot_dtype=jnp.bfloat16)
    with (
        jax.enable_x64(True),
        pytest.raises(ValueError, match="bfloat16 requires a table of float32"),
    ):
        halved.init(jnp.ones((3, 2), jnp.float64))


def test_bad_masks_are_refused():
    values = jnp.asarray(VALUES)
    with pytest.raises(ValueError, match="unpenalized must be boolean, got float32"):
        lazy().init(values, jnp.ones((VOCAB, 2)))
    with pytest.raises(ValueError, match=r"unpenalized of shape \(2, 5\) does not fit"):
        lazy().init(values, np.ones((2, VOCAB), bool))
    masked = jax.jit(lazy().init)(values, np.ones((VOCAB, 1), bool))
    assert masked.layout.masked


def test_ids_that_are_no_integers_are_refused():
    with pytest.raises(ValueError, match="must be an integer"):
        lazy().pull(start(), jnp.array([1.0]))


@pytest.mark.parametrize(
    "ids", [[5], [-6], [0, 2**31 - 1], [1, -(2**31)]], ids=lambda ids: str(ids[-1])
)
def test_ids_out_of_range(ids):
    before = after([1, 2])
    with pytest.raises(ValueError, match=r"Ids must be in \[-5, 5\), got"):
        lazy().pull(before, jnp.array(ids))
    # Under jit, next to an id that is right.
    table, rows = compiled_step()(before, jnp.array([3, ids[-1]]))
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()
    match = r"After step 1 ids outside \[-5, 5\)"
    assert_broken_as_it_was(table, before, match)
    # Later steps write nothing, whatever they are.
    for later in ([0, 1], [3, 3], [9, 9]):
        table, _ = compiled_step()(table, jnp.array(later))
    assert_broken_as_it_was(table, before, match)


def test_unsigned_ids_out_of_range():
    before = after([1, 2])
    for bad in (5, 2**32 - 1):
        ids = jnp.array([3, bad], jnp.uint32)
        with pytest.raises(ValueError, match="Ids must be in"):
            lazy().pull(before, ids)
        table, rows = compiled_step()(before, ids)
        assert np.isnan(rows[1]).all()
        assert_broken_as_it_was(table, before, "After step 1 ids outside")


def test_a_gradient_of_another_shape_is_refused():
    table, pulled = jax.jit(lazy().pull)(start(), jnp.array([1, 2]))
    with pytest.raises(ValueError, match=r"shape \(5, 2\), but .* have \(2, 2\)"):
        lazy().push(table, pulled, jnp.ones((VOCAB, 2)))


def test_too_many_steps():
    before = after(*[[0, 1]] * STEPS)
    assert int(before.count) == STEPS
    lazy().check(before)
    pulled_table, pulled = jax.jit(lazy().pull)(before, jnp.array([0]))
    match = f"All {STEPS} steps have been taken.*first_step={STEPS}"
    with pytest.raises(ValueError, match=match):
        lazy().push(pulled_table, pulled, pulled.rows)
    table, _ = compiled_step()(before, jnp.array([2, 3]))
    assert_broken_as_it_was(table, before, match)
    table, _ = compiled_step()(table, jnp.array([9, 9]))
    assert_broken_as_it_was(table, before, match)


def test_going_on_takes_a_settled_table():
    second = LazyRows(rules.yogi(), 0.1, l1=0.0, first_step=2, num_steps=9)
    early, table = after([0, 1]), after([0, 1], [2, 3])
    with pytest.raises(ValueError, match=r"updated before step 2\. Settle the"):
        second.resume(table)
    with pytest.raises(ValueError, match=r"at step 1, but .* begins at step 2"):
        second.resume(lazy().settle(early))
    settled = lazy().settle(table)
    for call in (
        second.values,
        second.settle,
        functools.partial(second.pull, ids=jnp.array([0])),
        jax.jit(functools.partial(second.pull, ids=jnp.array([0]))),
    ):
        with pytest.raises(ValueError, match=r"for steps 0 to 4, .* 2 to 9: .*resume"):
            call(settled)
    resumed = second.resume(settled)
    np.testing.assert_array_equal(second.values(resumed), lazy().values(table))
    with pytest.raises(ValueError, match="for steps 2 to 9"):
        lazy().values(resumed)


def test_going_on_takes_the_same_rule():
    settled = lazy().settle(after([0, 1], [2, 3]))
    for other in (
        LazyRows(rules.amsgrad(), 0.1, first_step=2, num_steps=9),
        LazyRows(rules.yogi(), 0.1, first_step=2, num_steps=9, slot_dtype=jnp.bfloat16),
    ):
        with pytest.raises(ValueError, match="the same rule and slot_dtype"):
            other.resume(settled)


def test_tables_that_are_numbered_alike_have_the_same_ids():
    optimizer, table = lazy(), after()
    table, pulled = jax.jit(optimizer.pull)(table, jnp.array([0, 1, 2]))
    with pytest.raises(ValueError, match="like has 3 ids, but this batch has 2"):
        optimizer.pull(table, jnp.array([0, 1]), like=pulled)


def test_table_and_state_are_of_one_size():
    optimizer, table = lazy(), after()
    cut = dataclasses.replace(table, words=table.words[:, :-1])
    with pytest.raises(ValueError, match="words, but its layout has"):
        optimizer.pull(cut, jnp.array([0]))
    with pytest.raises(ValueError, match="the same rule and slot_dtype"):
        LazyRows(rules.sgd(), 0.1, num_steps=4).pull(table, jnp.array([0]))
    wide = jax.jit(optimizer.init)(jnp.ones((len(table.words), 5)))
    _, pulled = jax.jit(optimizer.pull)(wide, jnp.array([0]))
    with pytest.raises(ValueError, match="of another table"):
        optimizer.push(table, pulled, jnp.ones_like(pulled.rows))
