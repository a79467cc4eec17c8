"""Benchmarks in parts, of which a run measures some and keeps the others."""

import argparse
import datetime
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically
from benchmarks.turns import warn_if_busy
from experiments.runner.provenance import provenance
from experiments.tables import document, layout


def make_parser(
    description: str | None, parts: Collection[str], results: Path, repetitions: int
) -> argparse.ArgumentParser:
    """The arguments of every such benchmark, with its number of repetitions."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=parts,
        default=list(parts),
        metavar="PART",
        help="parts to measure; the file keeps what it has of others",
    )
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--out", type=Path, default=results, help="the JSON file")
    return parser


def measure_parts(
    name: str,
    chosen: Collection[str],
    out: Path,
    measure: Callable[[str], dict[str, Any]],
    report: Callable[[dict[str, Any]], str],
) -> dict[str, Any]:
    """Measures parts and stores each as soon as it is there.

    Args:
      name: of the benchmark.
      chosen: parts to measure.
      out: the JSON file.
      measure: what was measured of a part.
      report: parts as tables in Markdown.

    Returns:
      What the file holds of all parts.
    """
    result: dict[str, Any] = {"benchmark": name, "parts": {}}
    if out.exists():
        result["parts"] = json.loads(out.read_text())["parts"]
    out.parent.mkdir(parents=True, exist_ok=True)
    for part in chosen:
        load = warn_if_busy()
        measured = measure(part)
        result["parts"][part] = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "load_before": load,
            **provenance(),
            **measured,
        }
        # A later part may fail.
        write_atomically(out, layout.dumps(result))
        print(report({part: result["parts"][part]}), flush=True)
    parts: dict[str, Any] = result["parts"]
    return parts


def publish(name: str, out: Path, results: Path, text: str) -> None:
    """Puts tables into the README, unless the results went to another file."""
    if out == results:
        document.insert(results.parents[1] / "README.md", name, text)
