"""What helps and what does not: one change at a time, on the validation split.

    python -m experiments.tables.ablation --data_dir=FOLDER

trains the tuned ANT of MovieLens 1M and a variant for every idea, and writes
`results/ablation.json` and the table of the program's README. The test split plays no
part in it.
"""

from pathlib import Path
from typing import Any

from experiments.recommendation.configs import Config, tuned_ant
from experiments.runner import cli
from experiments.tables import document, runs

_ROOT = Path(__file__).parents[2]
_BUDGETS = (59_400, 29_200, 10_800)
_CHANGES: dict[str, dict[str, Any]] = {
    "tuned": {},
    "no biases": {"biases": False, "user_anchors": 16, "item_anchors": 16},
    "half-normal start": {"anchors_start": "half_normal", "transform_stddev": None},
    "half-normal start, no biases": {
        "anchors_start": "half_normal",
        "transform_stddev": None,
        "biases": False,
    },
    "T starts 100 times as large": {"transform_stddev": 1e-2},
    "penalty from the first step": {"l1_warmup_steps": 0},
    "pruned by length": {"prune_by": "length"},
    "pruned at once": {"prune_ratio": 1e9},
    "no refit": {"refit_epochs": 0},
    "refit without penalty": {"refit_l1": 0.0},
    "minimax concave penalty": {"penalty": "minimax_concave"},
    "hard threshold": {
        "penalty": "hard",
        "l1": 3e-7,
        "refit_l1": 0.0,
        "transform_stddev": 1e-2,
    },
    "penalty by count^0.5": {"penalty_power": 0.5},
    "penalty by count^-0.5": {"penalty_power": -0.5},
    "warm start from a full table": {"warm_start_epochs": 20, "learning_rate": 5e-3},
    "euclidean metric": {"metric": "euclidean", "l1": 2e-4, "refit_l1": 0.0},
}


def rows() -> dict[str, Config]:
    """Config by row."""
    budgets = ",".join(map(str, _BUDGETS))
    return {
        name.replace(" ", "_"): tuned_ant(budgets=budgets, **changes)
        for name, changes in _CHANGES.items()
    }


def main() -> None:
    """Trains what is missing and, once every row is there, writes the table."""
    results = runs.train_rows(rows(), may_collapse=True)
    if results is not None:
        write_table(summarize(results), results, _ROOT)


def summarize(results: runs.Results) -> list[dict[str, Any]]:
    """Validation error of every variant at every budget; none where T collapsed."""
    return [
        {
            "change": row.replace("_", " "),
            "validation": {
                str(budget): runs.summary(
                    [result["budgets"][index]["validation"] for result in results[row]]
                )
                for index, budget in enumerate(_BUDGETS)
                if row in results
            },
        }
        for row in rows()
    ]


def write_table(table: list[dict[str, Any]], results: runs.Results, root: Path) -> None:
    """Writes the result file and the README's table below `root`."""
    content = {
        "table": "ablation",
        "lines": table,
        "rows": {
            row: {
                "config": runs.settings(of_seeds[0]),
                "runs": [
                    {
                        "seed": result["seed"],
                        "commit": result["commit"],
                        "device": result["device"],
                        "wall_s": result["wall_s"],
                        "validation": [
                            {key: stage[key] for key in ("validation", "emb_params")}
                            for stage in result["budgets"]
                        ],
                    }
                    for result in of_seeds
                ],
            }
            for row, of_seeds in results.items()
        },
    }
    document.store(root, "ablation", content, indent=1)
    document.describe(root, "ablation", markdown(table))


def markdown(table: list[dict[str, Any]]) -> str:
    """The variants as a table in Markdown."""
    heads = [f"{budget / 1000:.1f}K" for budget in _BUDGETS]
    lines = [
        f"| change | validation MSE at {' | at '.join(heads)} |",
        "|---|" + "---|" * len(heads),
    ]
    for line in table:
        figures = [f"{error['mean']:.4f}" for error in line["validation"].values()] or [
            "T became zero",
            *[""] * (len(heads) - 1),
        ]
        lines.append(f"| {line['change']} | {' | '.join(figures)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    runs.define_flags("runs/tables/ablation")
    cli.run(main)
