import pytest

from benchmarks.turns import Program, enough_turns, take_turns, warn_if_busy

CLOCK = """
def program(job):
    return {"job": job}, iter([job * turn for turn in (3.0, 1.0, 2.0, 9.0)])
"""
HUNGRY = """
import numpy as np

def program(job):
    def seconds():
        for size in (job, job // 2):
            np.ones(size)
            yield 1.0
    return {}, seconds()
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Writes a module that a spawned process can import."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return f"{name}:program"

    return write


def test_turns_alternate_until_there_are_enough(stub):
    entry = stub("clock", CLOCK)
    asked = []

    def enough(seconds):
        asked.append([list(times) for times in seconds])
        return len(seconds[0]) == 3

    timings = take_turns({"a": Program(entry, 1), "b": Program(entry, 10)}, enough)
    assert timings["a"].seconds == [3.0, 1.0, 2.0]
    assert timings["b"].seconds == [30.0, 10.0, 20.0]
    assert timings["a"].median == 2.0
    assert timings["b"].description == {"job": 10}
    # A round goes to all of them before anyone is asked again.
    assert [[len(times) for times in seconds] for seconds in asked] == [
        [count, count] for count in range(4)
    ]


@pytest.mark.parametrize(
    ("seconds", "wants"),
    [
        ([[9.0] * 2, [9.0] * 2], False),  # fewer than asked for
        ([[1.0] * 3, [1.0] * 3], False),  # so short that more can be had
        ([[2.0] * 3, [2.0] * 3], True),
        ([[0.1] * 14, [0.1] * 14], False),
        ([[0.1] * 15, [0.1] * 15], True),
    ],
)
def test_short_turns_are_repeated_more_often(seconds, wants):
    assert enough_turns(3)(seconds) == wants


def test_peak_memory_is_that_of_a_program_alone(stub):
    count = 20_000_000  # floats, 160 MB
    timings = take_turns(
        {
            "large": Program(stub("hungry", HUNGRY), count),
            "small": Program(stub("clock", CLOCK), 1),
        },
        lambda seconds: len(seconds[0]) == 2,
    )
    difference = timings["large"].peak_rss_bytes - timings["small"].peak_rss_bytes
    assert difference == pytest.approx(8 * count, rel=0.2)


@pytest.mark.parametrize(("load", "warns"), [(0.1, False), (3.2, True)])
def test_warns_of_a_busy_machine(load, warns, monkeypatch, capsys):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    assert warn_if_busy() == load
    assert ("busy (load 3.2)" in capsys.readouterr().err) == warns
