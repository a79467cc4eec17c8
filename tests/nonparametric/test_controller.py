"""The course of K: the published rule, coordinate-wise search, and their limits."""

import dataclasses
import json
import math

import hypothesis
import jaxtyping
import pytest
from hypothesis import strategies as st

from ant_jax.nonparametric import Controller, ControllerState

OBJECTIVES = st.lists(st.integers(1, 6).map(float), max_size=12)


def course(controller, start, objectives):
    """Counts after every evaluation, by way of JSON each time."""
    state, counts = controller.init(start), []
    for value in objectives:
        state = controller.update(state, value)
        state = ControllerState(**json.loads(json.dumps(state._asdict())))
        counts.append(state.anchors)
    return counts


@hypothesis.given(OBJECTIVES, st.integers(1, 3), st.integers(0, 3))
def test_together_is_algorithm_2(objectives, step, warmup):
    controller = Controller(max_anchors=12, step=step, warmup=warmup)
    users, items, want = 2, 7, []
    for t in range(len(objectives)):
        last = objectives[max(0, t - 2) : t + 1]
        falls = len(last) == 3 and last[0] >= last[1] >= last[2]
        rises = len(last) == 3 and last[0] <= last[1] <= last[2]
        move = step if t < warmup or falls else -step if rises else 0
        users, items = (min(12, max(1, k + move)) for k in (users, items))
        want.append({"users": users, "items": items})
    assert course(controller, {"users": 2, "items": 7}, objectives) == want


def test_an_update_changes_no_state():
    controller = Controller(max_anchors=9)
    start = {"t": 3}
    first = controller.init(start)
    second = controller.update(first, 1.0)
    assert (first.anchors, first.values, start) == ({"t": 3}, [], {"t": 3})
    assert second.anchors == {"t": 4}
    assert controller.update(first, 1.0) == second


def test_settings_change_what_counts_as_a_trend():
    noisy = [3.0, 4.0, 2.0, 2.5, 1.0]  # falls, but not every time
    start = {"t": 5}
    five = {"max_anchors": 9, "window": 5, "warmup": 0}
    assert course(Controller(**five), start, noisy)[-1] == {"t": 5}
    assert course(Controller(trend="slope", **five), start, noisy)[-1] == {"t": 6}
    nearly = [1.0, 1.001, 0.9]
    three = {"max_anchors": 9, "warmup": 0}
    assert course(Controller(**three), start, nearly)[-1] == {"t": 5}
    assert course(Controller(tolerance=0.01, **three), start, nearly)[-1] == {"t": 6}
    flat = [1.0, 1.001, 1.0]
    assert course(Controller(tolerance=0.01, **three), start, flat)[-1] == {"t": 5}


@hypothesis.settings(max_examples=20)
@hypothesis.given(
    best=st.tuples(st.integers(1, 9), st.integers(2, 8)),
    start=st.tuples(st.integers(1, 9), st.integers(2, 8)),
    window=st.integers(2, 4),
)
def test_apart_finds_the_best_counts_and_stays_there(best, start, window):
    limits = {"users": 9, "items": 8}
    controller = Controller(limits, tables="apart", warmup=0, window=window)

    def objective(anchors):
        users, items = anchors["users"] - best[0], anchors["items"] - best[1]
        return 1.0 + users**2 + items**2

    state = controller.init({"users": start[0], "items": start[1]})
    for _ in range(80 * window):
        before = state.anchors
        state = controller.update(state, objective(state.anchors))
        moved = [n for n in before if before[n] != state.anchors[n]]
        assert len(moved) <= 1
        assert all(1 <= state.anchors[name] <= limits[name] for name in limits)
    assert state.anchors == {"users": best[0], "items": best[1]}
    assert controller.update(state, 1.0).anchors == state.anchors
    assert json.loads(json.dumps(state._asdict())) == state._asdict()


def test_a_trial_that_does_not_pay_goes_back():
    controller = Controller(9, tables="apart", warmup=0, window=3, step=2)
    counts = course(
        controller,
        {"users": 4, "items": 4},
        # before, trial of users: worse; before, trial of items: better, next: worse
        [5.0, 4.0, 6.0, 5.0, 4.5, 4.0, 4.2, 4.1],
    )
    users, items = zip(*((c["users"], c["items"]) for c in counts), strict=True)
    assert users == (6, 6, 4, 4, 4, 4, 4, 4)
    assert items == (4, 4, 4, 6, 6, 8, 8, 6)


def test_both_moves_tables_that_need_each_other_and_then_each():
    controller = Controller(12, tables="both", warmup=0, window=2)

    def objective(anchors):
        """Falls with the smaller count: neither table gains by itself."""
        users, items = anchors["users"], anchors["items"]
        return 2.0 * (min(users, items) - 6) ** 2 + users + 3 * items

    found = {}
    for tables in ("apart", "both"):
        search = dataclasses.replace(controller, tables=tables)
        for start in ({"users": 2, "items": 2}, {"users": 9, "items": 4}):
            state = search.init(start)
            for _ in range(100):
                state = search.update(state, objective(state.anchors))
                state = ControllerState(**json.loads(json.dumps(state._asdict())))
            found.setdefault(tables, []).append(state.anchors)
    best = {"users": 5, "items": 5}
    assert found["both"] == [best, best]
    assert found["apart"][0] == {"users": 2, "items": 2}


def test_one_table_alone_has_one_move():
    objectives = [5.0, 4.0, 6.0, 5.0, 4.5]
    one = Controller(9, tables="apart", warmup=0, window=2)
    both = dataclasses.replace(one, tables="both")
    assert course(one, {"": 4}, objectives) == course(both, {"": 4}, objectives)


@pytest.mark.parametrize("tables", ["together", "apart", "both"])
def test_a_delay_keeps_the_counts_and_then_begins(tables):
    objectives = [9.0, 8.0, 7.0, 6.0, 5.5, 5.7, 6.0, 6.5]
    now = Controller(9, tables=tables)
    later = dataclasses.replace(now, delay=3)
    start = {"users": 4, "items": 5}
    delayed = course(later, start, objectives)
    assert delayed[:3] == [start] * 3
    assert delayed[3:] == course(now, start, objectives[3:])


def test_tables_without_room_are_passed_over():
    controller = Controller({"users": 1, "items": 3}, tables="apart", warmup=0)
    counts = course(controller, {"users": 1, "items": 2}, [2.0])
    assert counts == [{"users": 1, "items": 3}]
    fixed = Controller(1, tables="apart", warmup=1)
    assert course(fixed, {"t": 1}, [3.0, 2.0, 1.0]) == [{"t": 1}] * 3


@pytest.mark.parametrize(
    ("limits", "start", "message"),
    [
        ({"max_anchors": 4}, {"users": 5}, "max_anchors is 4, below the 5 anchors"),
        ({"max_anchors": {"users": 4}}, {"users": 5}, "table 'users' starts with"),
        ({"max_anchors": {"users": 4}}, {"items": 2}, "no entry for table 'items'"),
        ({"max_anchors": 4, "min_anchors": 2}, {"t": 1}, "min_anchors is 2, above the"),
        ({"max_anchors": 4}, {}, "no table whose anchors"),
    ],
)
def test_starts_that_cannot_be_are_refused(limits, start, message):
    with pytest.raises(ValueError, match=message):
        Controller(**limits).init(start)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"step": 0}, "step must be a positive integer"),
        ({"min_anchors": 0}, "min_anchors must be a positive integer"),
        ({"window": 1}, "window must be at least 2"),
        ({"warmup": -1}, "warmup must be at least 0"),
        ({"tolerance": 1.0}, r"tolerance must be in \[0, 1\)"),
        ({"trend": "up"}, "trend must be 'monotone' or 'slope'"),
        ({"delay": -1}, "delay must be at least 0"),
        ({"tables": "alone"}, "tables must be 'together', 'apart' or 'both'"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message, monkeypatch):
    # As for a user, without the checks of types, which refuse an unknown name first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=message):
        Controller(max_anchors=4, **setting)


def test_an_objective_that_is_not_finite_is_refused():
    controller = Controller(4)
    with pytest.raises(ValueError, match="objective is nan"):
        controller.update(controller.init({"t": 1}), math.nan)
