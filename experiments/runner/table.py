"""Results as a table that reads in a terminal and in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runner.metric import METRICS

FLOAT_BYTES = 4


def results_table(results: Sequence[Mapping[str, Any]]) -> str:
    """One row a result: score, sizes, compression against the full table, seconds.

    Args:
      results: what `result.json` holds: at least `method metric value emb_params
        emb_bytes dense_params wall_s`; all of one metric.

    Returns:
      A Markdown table. Bytes are everything that must be stored to look vectors up; the
      vocabulary's own names are not counted.
    """
    metric = METRICS[results[0]["metric"]]
    header = ["method", f"test {metric.title}", "embedding parameters", "bytes"]
    header += ["compression (parameters, bytes)", "seconds"]
    rows = [header]
    for result in results:
        dense = result["dense_params"]
        rows.append(
            [
                result["method"],
                metric.format(result["value"]),
                f"{result['emb_params']:,}",
                f"{result['emb_bytes']:,}",
                f"{dense / result['emb_params']:.1f}x, "
                f"{dense * FLOAT_BYTES / result['emb_bytes']:.1f}x",
                f"{result['wall_s']:.1f}",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    )
