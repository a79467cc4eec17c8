"""Seconds of a training step, from thousands of rows to tens of millions.

    python -m benchmarks.step_time
    python -m benchmarks.step_time --only torch vocabulary --repetitions 9

Four parts: `sizes` compares lazy rows with the library's dense optimizer and with Flax,
`torch` with PyTorch, `vocabulary` makes the tables ever larger, and `amazon` trains one
of the size of Amazon's reviews.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.parts import make_parser, measure_parts, publish
from benchmarks.step_time_report import draw, report
from benchmarks.turns import Program, Timing, take_turns
from benchmarks.workload import Workload

Row = dict[str, Any]

RESULTS = Path(__file__).parent / "results" / "step_time.json"

# Function of each program, and the floats it holds for every value of its tables.
PROGRAMS = {
    "lazy": ("benchmarks.programs.ours:lazy", 4),
    "dense": ("benchmarks.programs.ours:dense", 5),
    "lazy_full": ("benchmarks.programs.ours:lazy", 4),
    "flax": ("benchmarks.programs.flax_embed:steps", 5),
    "sparse_adam": ("benchmarks.programs.torch_embedding:sparse_adam", 4),
    "adam": ("benchmarks.programs.torch_embedding:adam", 5),
    "fused_adam": ("benchmarks.programs.torch_embedding:fused_adam", 5),
    "torch_ant": ("benchmarks.programs.torch_anchors:steps", 5),
}
_ANCHORED = ("lazy", "dense", "torch_ant")
_SIZES_PROGRAMS = ("lazy", "dense", "lazy_full", "flax")

MOVIELENS_25M = Workload(1024, (10, 10), num_users=162_541, num_items=59_047)
AMAZON = Workload(1024, (8, 8), num_users=43_500_000, num_items=15_200_000)
VOCABULARIES = (20_000, 200_000, 2_000_000, 20_000_000)


def with_rows(num_users: int) -> Workload:
    """So many users and a third as many items."""
    return Workload(1024, (10, 10), num_users=num_users, num_items=num_users // 3)


SIZES = {
    "MovieLens 1M": tuple(
        Workload(batch_size, (anchors, anchors))
        for batch_size in (32, 1024)
        for anchors in (10, 15)
    ),
    "MovieLens 25M": (MOVIELENS_25M,),
    "1M users": (with_rows(1_000_000),),
    "10M users": (with_rows(10_000_000),),
}


def sizes(repetitions: int, memory: float) -> list[Row]:
    """Lazy rows, the dense optimizer and Flax, at several sizes."""
    return [
        compare(name, workload, _SIZES_PROGRAMS, repetitions, memory)
        for name, workloads in SIZES.items()
        for workload in workloads
    ]


def torch(repetitions: int, memory: float) -> list[Row]:
    """Lazy rows and PyTorch."""
    names = ("lazy", "lazy_full", "sparse_adam", "adam", "fused_adam")
    small = Workload(32, (15, 15))
    return [
        compare("MovieLens 25M", MOVIELENS_25M, names, repetitions, memory),
        compare("MovieLens 1M", small, ("lazy", "torch_ant"), repetitions, memory),
    ]


def vocabulary(repetitions: int, memory: float) -> list[Row]:
    """Lazy rows with ever more of them, which take turns too."""
    del memory
    workloads = {f"{count:,} users": with_rows(count) for count in VOCABULARIES}
    entry, _ = PROGRAMS["lazy"]
    timings = _measure(
        {name: Program(entry, workload) for name, workload in workloads.items()},
        repetitions,
    )
    return [
        _row(name, workloads[name], {"lazy": _numbers(timing, workloads[name])})
        for name, timing in timings.items()
    ]


def amazon(repetitions: int, memory: float) -> list[Row]:
    """Lazy rows at the size of Amazon's reviews: memory and examples a second."""
    return [compare("Amazon", AMAZON, ("lazy",), repetitions, memory)]


PARTS: dict[str, Callable[[int, float], list[Row]]] = {
    "sizes": sizes,
    "torch": torch,
    "vocabulary": vocabulary,
    "amazon": amazon,
}


def compare(
    name: str,
    workload: Workload,
    programs: tuple[str, ...],
    repetitions: int,
    memory: float,
) -> Row:
    """Programs in turns on one workload.

    Args:
      name: what to call the row.
      workload: what all train.
      programs: their names; one that does not fit in memory beside those before it is
        left out, and the row says so.
      repetitions: turns of each.
      memory: bytes for all programs together.

    Returns:
      A row of the result file.
    """
    numbers: dict[str, Any] = {}
    chosen = {}
    for program in programs:
        entry, floats = PROGRAMS[program]
        job = workload
        if program not in _ANCHORED:
            job = dataclasses.replace(workload, anchors=None)
        need = _values(job) * floats * 4
        if need > memory:
            numbers[program] = {
                "skipped": f"needs {need / 2**30:.1f} GiB, {memory / 2**30:.1f} left"
            }
            continue
        memory -= need
        chosen[program] = Program(entry, job)
    for program, timing in _measure(chosen, repetitions).items():
        numbers[program] = _numbers(timing, workload)
    return _row(name, workload, {program: numbers[program] for program in programs})


def main() -> None:
    """Measures, and writes the JSON file, the picture and the tables."""
    parser = make_parser(__doc__, PARTS, RESULTS, repetitions=7)
    parser.add_argument(
        "--memory_gib", type=float, default=16.0, help="for programs taking turns"
    )
    args = parser.parse_args()
    if args.repetitions < 1:
        parser.error("--repetitions must be at least 1.")

    def measure_part(part: str) -> dict[str, Any]:
        return {"rows": PARTS[part](args.repetitions, args.memory_gib * 2**30)}

    parts = measure_parts("step_time", args.only, args.out, measure_part, report)
    draw(parts, args.out.with_suffix(".png"))
    publish("step_time", args.out, RESULTS, report(parts))


def _measure(programs: dict[str, Program], repetitions: int) -> dict[str, Timing]:
    return take_turns(programs, lambda seconds: len(seconds[0]) >= repetitions)


def _numbers(timing: Timing, workload: Workload) -> dict[str, Any]:
    step = timing.median / timing.description["steps"]
    return {
        **timing.description,
        "seconds": timing.seconds,
        "step_s": step,
        "examples_per_s": workload.batch_size / step,
        "peak_rss_bytes": timing.peak_rss_bytes,
    }


def _row(name: str, workload: Workload, programs: dict[str, Any]) -> Row:
    base = programs["lazy"].get("step_s")
    return {
        "name": name,
        "num_users": workload.num_users,
        "num_items": workload.num_items,
        "features": workload.features,
        "anchors": workload.anchors,
        "batch_size": workload.batch_size,
        "programs": programs,
        "times_as_long_as_lazy": {
            program: numbers["step_s"] / base
            for program, numbers in programs.items()
            if base and "step_s" in numbers
        },
    }


def _values(workload: Workload) -> int:
    columns = workload.anchors or (workload.features, workload.features)
    return workload.num_users * columns[0] + workload.num_items * columns[1]


if __name__ == "__main__":
    main()
