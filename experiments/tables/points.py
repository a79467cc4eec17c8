"""Points of error, or accuracy, against size: a method at a budget over its seeds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.tables.runs import MEASURED, Results
from experiments.tables.summary import summarize

Point = Mapping[str, Any]


def make_points(
    results: Results, line: Callable[[Mapping[str, Any]], str] | None = None
) -> list[dict[str, Any]]:
    """One point a row and budget, in the order of the rows.

    Args:
      results: of all rows.
      line: what a result's line in a picture is called, on which its points are joined;
        its method if not given.

    Returns:
      Points: `row method line budget`, and the summaries `value validation emb_params
      emb_bytes wall_s`; the seconds are those of a run with all of its budgets.
    """
    points = []
    for row, of_seeds in results.items():
        first = of_seeds[0]
        stages = [result["budgets"] or [result] for result in of_seeds]
        seconds = summarize([result["wall_s"] for result in of_seeds])
        budgets = first["config"]["budgets"] or [None]
        for budget, *at in zip(budgets, *stages, strict=True):
            point = {
                "row": row,
                "method": first["method"],
                "line": line(first) if line else first["method"],
                "budget": budget,
            }
            for key in MEASURED:
                point[key] = summarize([stage[key] for stage in at])
            points.append(point | {"wall_s": seconds})
    return points


def within(points: Sequence[Point], budget: float) -> list[Point]:
    """The points with at most this many parameters."""
    # A size is a mean over seeds, which a run may miss by a few parameters.
    return [p for p in points if p["emb_params"]["mean"] <= 1.001 * budget]


def value(point: Point) -> float:
    """The mean error, or accuracy."""
    return float(point["value"]["mean"])


def reference(point: Point | None) -> dict[str, Any] | None:
    """What tells a point from all others of its file."""
    return None if point is None else {key: point[key] for key in ("row", "budget")}


def name(row: str) -> str:
    """A row, or line, as people read it."""
    return row.replace("_", " ")
