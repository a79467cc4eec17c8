"""The best of ours and the best baseline at every budget of a set of texts."""

from collections.abc import Sequence
from typing import Any

from experiments.runner.metric import ACCURACY
from experiments.tables.points import Point, value, within
from experiments.tables.summary import plus_minus
from experiments.tables.text_classification.rows import SHARES, budgets

# Ours: what the tables are to show the worth of.
OURS = ("ant", "anchor_mixture", "mixed_cluster", "cluster", "cluster_adjustment")
NONE = "none so small | "  # cells of a side of which nothing fits
TITLES = {
    "r8": "Reuters R8",
    "r52": "Reuters R52",
    "20ng": "20 Newsgroups",
    "ag_news_32k": "ag_news_32k",
    "imdb": "IMDB",
}


def best_within(points: Sequence[Point], budget: float) -> Point | None:
    """The most accurate point with at most this many parameters."""
    return max(within(points, budget), key=value, default=None)


def at_budgets(dataset: str, points: Sequence[Point]) -> list[dict[str, Any]]:
    """For every budget the best of ours and the best baseline, by parameters."""
    ours = [point for point in points if point["method"] in OURS]
    baselines = [point for point in points if point["method"] not in (*OURS, "full")]
    return [
        {
            "share": share,
            "budget": budget,
            "ours": best_within(ours, budget),
            "baseline": best_within(baselines, budget),
        }
        for share, budget in zip(SHARES, budgets(dataset), strict=True)
    ]


def percent(point: Point) -> str:
    """Accuracy as mean ± deviation in percent."""
    return plus_minus(point["value"], ACCURACY.digits)
