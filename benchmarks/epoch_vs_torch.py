"""Seconds of a training epoch: the recommendation program against plain PyTorch.

    make bench
    python -m benchmarks.epoch_vs_torch --repetitions 5 --batch_sizes 1024

Each program runs in a process of its own and they take turns, epoch by epoch, so that
whatever else the machine does falls on both.
"""

import argparse
import datetime
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from ant_jax.files import write_atomically
from benchmarks.turns import Program, enough_turns, take_turns, warn_if_busy
from benchmarks.workload import Workload
from experiments.runner.pictures import save_figure
from experiments.runner.provenance import provenance
from experiments.tables import document, layout, markdown

# Modules whose function `epochs` is the program.
PROGRAMS = {
    "torch": "benchmarks.matrix_factorization_torch",
    "jax": "benchmarks.programs.recommender",
}
RESULTS = Path(__file__).parent / "results" / "epoch_vs_torch.json"
ANCHORS = ((15, 15), (120, 8), None)


def measure(
    workload: Workload, repetitions: int, programs: dict[str, str] = PROGRAMS
) -> dict[str, Any]:
    """Runs both programs in turns on one workload.

    Args:
      workload: what both train.
      repetitions: least number of epochs of each.
      programs: name and module of each; the module has a function `epochs`.

    Returns:
      A row of the result file: for each program its description, the seconds of every
      epoch, their median and the ratings a second.

    Raises:
      RuntimeError: a program failed; its traceback stands above.
    """
    timings = take_turns(
        {
            name: Program(f"{module}:epochs", workload)
            for name, module in programs.items()
        },
        enough_turns(repetitions),
    )
    row: dict[str, Any] = {
        "method": workload.name,
        "batch_size": workload.batch_size,
    }
    for name, timing in timings.items():
        row[name] = {
            **timing.description,
            "seconds": timing.seconds,
            "median_s": timing.median,
            "ratings_per_s": workload.num_ratings / timing.median,
        }
    return row


def report(rows: list[dict[str, Any]]) -> str:
    """The rows as a table in Markdown."""
    return markdown.table(
        "method | batch | PyTorch, s | ours, s | times as fast",
        (
            f"{row['method']} | {row['batch_size']} | {row['torch']['median_s']:.3g}"
            f" | {row['jax']['median_s']:.3g} | {row['ratio']:.1f}"
            for row in rows
        ),
        "lrrrr",
    )


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws ratings a second of both programs, one panel a batch size."""
    batch_sizes = sorted({row["batch_size"] for row in rows})
    figure, panels = plt.subplots(
        1, len(batch_sizes), figsize=(4.5 * len(batch_sizes), 3.2), squeeze=False
    )
    for panel, batch_size in zip(panels[0], batch_sizes, strict=True):
        chosen = [row for row in rows if row["batch_size"] == batch_size]
        for offset, name, label, color in (
            (-0.2, "torch", "PyTorch", "#b0b0b0"),
            (0.2, "jax", "ant_jax", "#2a6f97"),
        ):
            heights = [row[name]["ratings_per_s"] / 1e6 for row in chosen]
            places = [place + offset for place in range(len(chosen))]
            bars = panel.bar(places, heights, 0.38, label=label, color=color)
            if name == "jax":
                panel.bar_label(bars, [f"{row['ratio']:.1f}x" for row in chosen])
        panel.set_xticks(range(len(chosen)), [row["method"] for row in chosen])
        panel.set_title(f"batch {batch_size}")
        panel.set_ylabel("million ratings a second")
        panel.margins(y=0.12)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].legend(frameon=False)
    figure.tight_layout()
    save_figure(figure, path)
    plt.close(figure)


def main() -> None:
    """Measures every workload and writes the JSON file and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[32, 1024])
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON file")
    args = parser.parse_args()
    if args.repetitions < 1 or min(args.batch_sizes) < 1:
        parser.error("--repetitions and --batch_sizes must be at least 1.")
    load = warn_if_busy()
    rows = []
    for batch_size in args.batch_sizes:
        for anchors in ANCHORS:
            row = measure(Workload(batch_size, anchors), args.repetitions)
            row["ratio"] = row["torch"]["median_s"] / row["jax"]["median_s"]
            rows.append(row)
            print(report([row]).splitlines()[-1], flush=True)
    result = {
        "benchmark": "epoch_vs_torch",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_before": load,
        **provenance(),
        "rows": rows,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.out, layout.dumps(result))
    draw(rows, args.out.with_suffix(".png"))
    if args.out == RESULTS:
        document.insert(
            RESULTS.parents[1] / "README.md", "epoch_vs_torch", report(rows)
        )
    print(report(rows))


if __name__ == "__main__":
    main()
