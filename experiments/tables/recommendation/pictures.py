"""Pictures of the recommender's results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.runner.pictures import save_figure

_STYLES = ("-", "--", ":")
_COLORS = ("tab:red", "tab:orange", "tab:green")


def heat_maps(tables: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the objective over a grid of anchors, with the courses of nbANT over it.

    Args:
      tables: of `anchor_grid.summarize`; one panel each.
      path: the PNG file.
    """
    figure = Figure(figsize=(4.8 * len(tables), 4.9), layout="constrained")
    for number, table in enumerate(tables, start=1):
        axes = figure.add_subplot(1, len(tables), number)
        anchors = table["anchors"]
        ticks = np.arange(len(anchors))
        above = 100 * (np.array(table["grid"]) / table["best"]["objective"] - 1)
        image = axes.imshow(above, origin="lower", cmap="Blues", vmin=0)
        figure.colorbar(image, ax=axes, shrink=0.8, label="above the best, percent")
        for (user, item), percent in np.ndenumerate(above):
            color = "white" if percent > 0.65 * above.max() else "black"
            axes.annotate(
                f"{percent:.1f}", (item, user), ha="center", va="center", color=color
            )
        for index, landing in enumerate(table["landings"]):
            color = _COLORS[index % len(_COLORS)]
            # The scale of the axes is that of the grid: even between its numbers.
            users, items, _ = np.transpose(landing["course"])
            axes.plot(
                np.interp(items, anchors, ticks),
                np.interp(users, anchors, ticks),
                color=color,
                alpha=0.7,
            )
            axes.plot(
                np.interp(landing["items"], anchors, ticks),
                np.interp(landing["users"], anchors, ticks),
                "*",
                color=color,
                markersize=max(20 - 7 * index, 6),  # one may lie on the other
                markeredgecolor="white",
                label=f"nbANT from {landing['start']}/{landing['start']}",
            )
        axes.set_xticks(ticks, anchors)
        axes.set_yticks(ticks, anchors)
        axes.set_xlabel("anchors of the items")
        axes.set_ylabel("anchors of the users")
        axes.set_title(f"an anchor costs {table['anchor_cost']:g}")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    save_figure(figure, path)


def stream_course(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the number of anchors and the objective, chunk by chunk of a stream.

    Args:
      rows: one a chunk: `chunk anchors_users anchors_items objective`.
      path: the PNG file.
    """
    chunks = [row["chunk"] for row in rows]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, shift, style in (("users", -0.06, "o-"), ("items", 0.06, "s--")):
        counts = [row[f"anchors_{name}"] + shift for row in rows]
        axes.plot(chunks, counts, style, label=f"anchors of the {name}")
    axes.set_xlabel("chunk of the stream")
    axes.set_ylabel("anchors")
    axes.set_ylim(bottom=0)
    axes.locator_params(integer=True)
    right = axes.twinx()
    values = [row["objective"] for row in rows]
    right.plot(chunks, values, "^:", color="tab:green", label="objective")
    right.set_ylabel("objective on the held-out part", color="tab:green")
    lines = [*axes.get_lines(), *right.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="best")
    for one in (axes, right):
        one.spines["top"].set_visible(False)
    save_figure(figure, path)


def error_curves(
    methods: Mapping[str, Sequence[Mapping[str, Any]]], path: Path
) -> None:
    """Draws the validation error by epochs and by seconds.

    Args:
      methods: by name a run for every seed, `epochs seconds validation`, sequences.
      path: the PNG file.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    by_epochs, by_seconds = figure.subplots(1, 2, sharey=True)
    for number, (name, runs) in enumerate(methods.items()):
        for seed, run in enumerate(runs):
            style: dict[str, Any] = {
                "color": f"C{number % 10}",
                "linestyle": _STYLES[number // 10 % len(_STYLES)],
                "linewidth": 1.2,
                "label": None if seed else name,
            }
            by_epochs.plot(run["epochs"], run["validation"], **style)
            by_seconds.plot(run["seconds"], run["validation"], **style)
    errors = [
        value for runs in methods.values() for r in runs for value in r["validation"]
    ]
    # The first epochs, which tell nothing, would leave no room for the rest.
    low, high = min(errors), float(np.quantile(errors, 0.95))
    by_epochs.set_ylim(low - 0.05 * (high - low), high)
    by_epochs.set_xlabel("epochs")
    by_seconds.set_xlabel("seconds of training")
    by_seconds.set_xscale("log")
    by_epochs.set_ylabel("validation mean squared error")
    by_epochs.legend(fontsize="small")
    for axes in (by_epochs, by_seconds):
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def scatter(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws error against embedding parameters, ours beside the published."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(
        [row["emb_params"]["mean"] for row in table],
        [row["mse"]["mean"] for row in table],
        xerr=[row["emb_params"]["deviation"] for row in table],
        yerr=[row["mse"]["deviation"] for row in table],
        fmt="o",
        capsize=3,
        label="ours, mean and deviation over the seeds",
    )
    published = [row for row in table if "published_mse" in row]
    axes.plot(
        [row["published_emb_params"] for row in published],
        [row["published_mse"] for row in published],
        "x",
        color="tab:red",
        label="published, Table 14",
    )
    for row in table:
        place = (row["emb_params"]["mean"], row["mse"]["mean"])
        axes.annotate(
            row["name"],
            place,
            xytext=(6, 4),
            textcoords="offset points",
            fontsize="x-small",
        )
    axes.set_xscale("log")
    axes.set_xlabel("embedding parameters (non-zeros)")
    axes.set_ylabel("test mean squared error")
    axes.set_title("MovieLens 1M")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
