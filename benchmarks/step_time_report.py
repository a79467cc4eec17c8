"""Tables and picture of `benchmarks.step_time`."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.runner.pictures import save_figure
from experiments.tables import markdown

Parts = dict[str, Any]  # of the result file, by name

LABELS = {
    "lazy": "ANT, lazy rows",
    "dense": "ANT, dense",
    "lazy_full": "full table, lazy rows",
    "flax": "`nnx.Embed`, `optax.yogi`",
    "sparse_adam": "PyTorch, sparse gradients, `SparseAdam`",
    "adam": "PyTorch, `Adam`",
    "fused_adam": "PyTorch, `Adam(fused=True)`",
    "torch_ant": "PyTorch, ANT",
}
_STYLES = {
    "lazy": ("#2a6f97", "o-"),
    "lazy_full": ("#89c2d9", "s-"),
    "dense": ("#e9a03b", "o-"),
    "flax": ("#b0413e", "s-"),
    "sparse_adam": ("#606060", "^"),
    "adam": ("#606060", "x"),
    "fused_adam": ("#606060", "+"),
}


def report(parts: Parts) -> str:
    """The parts that were measured as tables in Markdown."""
    tables = {
        "sizes": _sizes,
        "torch": _torch,
        "vocabulary": _vocabulary,
        "amazon": _amazon,
    }
    return "\n\n".join(
        table(parts[part]["rows"]) for part, table in tables.items() if part in parts
    )


def draw(parts: Parts, path: Path) -> None:
    """Draws the time of a step at batch 1,024 against the number of rows."""
    points: dict[str, dict[int, float]] = {}
    for part in parts.values():
        for row in part["rows"]:
            # Smaller batches, and other anchors at the same size, are in the tables.
            if row["batch_size"] != 1024 or row["anchors"][0] > 10:
                continue
            size = row["num_users"] + row["num_items"]
            for program, numbers in row["programs"].items():
                if "step_s" in numbers:
                    points.setdefault(program, {})[size] = numbers["step_s"] * 1e3
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    for program, (color, style) in _STYLES.items():
        if program in points:
            label = LABELS[program].replace("`", "")
            places = sorted(points[program].items())
            axes.plot(*zip(*places, strict=True), style, color=color, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows, users and items together")
    axes.set_ylabel("milliseconds a step of 1,024 ratings")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    save_figure(figure, path)


def _sizes(rows: list[dict[str, Any]]) -> str:
    names = ("lazy", "dense", "lazy_full", "flax")
    heads = " | ".join(f"{LABELS[name]}, ms" for name in names)
    lines = []
    for row in rows:
        steps = " | ".join(_milliseconds(row["programs"][name]) for name in names)
        lines.append(
            f"{_size(row)} | {row['batch_size']} | {row['anchors'][0]} | {steps}"
            f" | {_ratio(row, 'dense')} | {_ratio(row, 'flax')}"
        )
    heads = f"size | batch | K | {heads} | dense / lazy | Flax / lazy"
    return markdown.table(heads, lines, "l" + "r" * 8)


def _torch(rows: list[dict[str, Any]]) -> str:
    return markdown.table(
        "size | batch | program | ms a step | times ANT with lazy rows",
        (
            f"{_size(row)} | {row['batch_size']} | {LABELS[name]}"
            f" | {_milliseconds(numbers)} | {_ratio(row, name)}"
            for row in rows
            for name, numbers in row["programs"].items()
        ),
        "lrlrr",
    )


def _vocabulary(rows: list[dict[str, Any]]) -> str:
    first = rows[0]["programs"]["lazy"]["step_s"]
    lines = []
    for row in rows:
        numbers = row["programs"]["lazy"]
        lines.append(
            f"{row['num_users']:,} | {row['num_items']:,} | {row['batch_size']}"
            f" | {_milliseconds(numbers)} | {numbers['step_s'] / first:.2f}"
        )
    heads = "users | items | batch | ms a step | times that of the first"
    return markdown.table(heads, lines, "rrrrr")


def _amazon(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        numbers, measured = row["programs"]["lazy"], "- | - | -"
        if "skipped" not in numbers:
            measured = (
                f"{_milliseconds(numbers)} | {numbers['examples_per_s']:,.0f}"
                f" | {numbers['peak_rss_bytes'] / 2**30:.2f}"
            )
        head = f"{_size(row)} | {row['batch_size']} | {row['anchors'][0]}"
        lines.append(f"{head} | {measured}")
    heads = "size | batch | K | ms a step | examples a second | peak, GiB"
    return markdown.table(heads, lines, "lrrrrr")


def _size(row: dict[str, Any]) -> str:
    return f"{row['name']}: {row['num_users']:,} x {row['num_items']:,}"


def _milliseconds(numbers: dict[str, Any]) -> str:
    if "step_s" not in numbers:
        return "-"
    time = numbers["step_s"] * 1e3
    return f"{time:.3g}" if time < 1000 else f"{time:,.0f}"


def _ratio(row: dict[str, Any], name: str) -> str:
    ratio = row["times_as_long_as_lazy"].get(name)
    return "-" if ratio is None else f"{ratio:,.1f}"
