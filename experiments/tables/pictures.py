"""The picture that both programs have: a score against size, a line a method."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from experiments.runner.pictures import save_figure
from experiments.tables.points import Point

_SIZES = {"emb_params": "embedding parameters", "emb_bytes": "bytes, indices included"}
_COLORS = 10  # of matplotlib's cycle


def fronts(
    points: Sequence[Point],
    path: Path,
    *,
    title: str,
    label: str,
    ours: Sequence[str],
    limits: tuple[float | None, float],
    crosses: Sequence[tuple[float, float]] = (),
    crosses_label: str = "",
) -> None:
    """Draws a score against parameters and against bytes.

    Args:
      points: of `make_points`; those of a line are joined.
      path: the PNG file.
      title: of the picture.
      label: of the score.
      ours: methods that are drawn in full lines.
      limits: of the score's axis; None leaves the lower one free.
      crosses: published parameters and scores.
      crosses_label: what these are.
    """
    figure = Figure(figsize=(12, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (size, size_label) in zip(panels, _SIZES.items(), strict=True):
        _draw_lines(axes, points, size, ours)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 30k
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(size_label)
        axes.spines[["top", "right"]].set_visible(False)
    if crosses:
        drawn = panels[0].plot(*zip(*crosses, strict=True), "kx", label=crosses_label)
        panels[0].legend(handles=drawn, loc="lower right", fontsize="small")
    panels[0].set_ylabel(label)
    panels[0].set_ylim(*limits)
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside right center")
    figure.suptitle(title)
    save_figure(figure, path)


def _draw_lines(
    axes: Any, points: Sequence[Point], size: str, ours: Sequence[str]
) -> None:
    lines = dict.fromkeys((p["line"], p["method"]) for p in points)
    for number, (name, method) in enumerate(lines):
        line = [p for p in points if p["line"] == name]
        line.sort(key=lambda p: p[size]["mean"])
        axes.errorbar(
            [p[size]["mean"] for p in line],
            [p["value"]["mean"] for p in line],
            yerr=[p["value"]["deviation"] for p in line],
            fmt="o-" if method in ours else ".--",
            color=f"C{number % _COLORS}",
            linewidth=2 if method in ours else 0.8,
            mfc="white" if number >= _COLORS else None,
            capsize=2,
            label=name.replace("_", " "),
        )
