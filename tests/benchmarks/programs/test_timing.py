import time

import pytest

from benchmarks.programs import timing
from benchmarks.workload import Workload


def test_a_turn_is_as_long_as_planned():
    seen = []

    def run(batches):
        seen.append(batches.users)
        time.sleep(0.002 * len(batches.users))

    steps, seconds = timing.time_steps(Workload(4, None), lambda x: x, run)
    assert 150 <= steps <= 250
    assert next(seconds) == pytest.approx(timing.TURN_SECONDS, rel=0.3)
    # What was compiled for so many steps has run once before.
    assert [len(ids) for ids in seen[-2:]] == [steps, steps]
    assert not (seen[-1] == seen[-2]).all()


@pytest.mark.parametrize(("pause", "steps"), [(0.08, 2), (0.0, 8)])
def test_turns_have_bounds(pause, steps, monkeypatch):
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(timing, "_TRIAL_STEPS", 1)
    monkeypatch.setattr(timing, "_MOST_RATINGS", 32)
    run = lambda _: time.sleep(pause)  # noqa: E731
    assert timing.time_steps(Workload(4, None), lambda x: x, run)[0] == steps
