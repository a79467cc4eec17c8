"""Putting tables and pictures of results where people read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically
from ant_jax.report import save_figure


def insert(path: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers `<!-- name:begin -->` and `:end`.

    Raises:
      ValueError: the file lacks the markers.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    content = path.read_text()
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError(f"{path} must hold {begin} and {end}, once each.")
    head, rest = content.split(begin)
    tail = rest.split(end)[1]
    write_atomically(path, f"{head}{begin}\n{text}\n{end}{tail}")


def scatter(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws error against embedding parameters, ours beside the published."""
    from matplotlib.figure import Figure

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
