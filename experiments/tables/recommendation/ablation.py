"""What helps and what does not: one change at a time, on the validation split.

    python -m experiments.tables.recommendation.ablation --data_dir=FOLDER

trains the tuned ANT of MovieLens 1M and a variant for every idea, and writes
`results/ablation.json` and the table of the program's README. The test split plays no
part in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.recommendation.configs import Config, tuned_ant
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.tables import document, markdown, program, runs
from experiments.tables.summary import summarize

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
    return {
        change.replace(" ", "_"): tuned_ant(budgets=_BUDGETS, **settings)
        for change, settings in _CHANGES.items()
    }


def content(results: runs.Results) -> dict[str, Any]:
    """The result file: what each variant does to the validation error."""
    recorded = runs.recorded(Recommendation, results)
    for row, of_seeds in results.items():
        recorded["rows"][row]["runs"] = [_validation(result) for result in of_seeds]
    return {"table": "ablation", "lines": lines(results), **recorded}


def lines(results: runs.Results) -> list[dict[str, Any]]:
    """Validation error of every variant at every budget; none where T collapsed."""
    found = []
    for row in rows():
        of_seeds = results.get(row, [])
        errors = {
            str(budget): summarize([r["budgets"][at]["validation"] for r in of_seeds])
            for at, budget in enumerate(_BUDGETS)
            if of_seeds
        }
        found.append({"change": row.replace("_", " "), "validation": errors})
    return found


def _validation(result: Mapping[str, Any]) -> dict[str, Any]:
    run = {key: result[key] for key in ("seed", "commit", "device", "wall_s")}
    stages = [
        {key: stage[key] for key in ("validation", "emb_params")}
        for stage in result["budgets"]
    ]
    return run | {"validation": stages}


def publish(content: program.Content, root: Path) -> None:
    """Writes the README's table below `root`."""
    budgets = " | ".join(f"at {budget / 1000:.1f}K" for budget in _BUDGETS)
    nothing = ["T became zero", *[""] * (len(_BUDGETS) - 1)]
    rows = []
    for line in content["lines"]:
        errors = [f"{error['mean']:.4f}" for error in line["validation"].values()]
        rows.append(" | ".join([line["change"], *(errors or nothing)]))
    table = markdown.table(f"change | validation MSE {budgets}", rows)
    document.describe(root, "recommendation", "ablation", table)


def main() -> None:
    """Trains the missing runs and writes the table."""

    def measure() -> runs.Results | None:
        return runs.train_rows(Recommendation, rows(), may_collapse=True)

    program.main("ablation", measure, content, publish)


if __name__ == "__main__":
    program.define_flags("runs/tables/ablation")
    runs.define_flags()
    cli.run(main)
