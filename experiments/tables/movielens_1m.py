"""Table 14 of Anchor & Transform beside ours.

    python -m experiments.tables.movielens_1m --data_dir=FOLDER

trains every row with every seed and writes `results/movielens_1m.json`, the picture
`docs/movielens_1m.png` and the tables of the READMEs. Runs that are finished are not
trained again, and runs that were cut off go on.
"""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from ant_jax.files import write_atomically
from experiments import cli
from experiments.recommendation.configs import CONFIGS
from experiments.recommendation.train import train_and_evaluate
from experiments.tables import document

ROWS = ("full", "ant_120_8", "ant_15_15", "ant_5_10")
_ROOT = Path(__file__).parents[2]
_PUBLISHED = Path(__file__).parent / "published" / "ant_table14_movielens1m.csv"
_KEPT = "seed value validation before_pruning emb_params emb_bytes dense_params"
_KEPT += " epochs best_epoch wall_s examples_per_s peak_rss_bytes commit device"

flags.DEFINE_string("data_dir", None, "Folder of MovieLens 1M.", required=True)
flags.DEFINE_string("cache_dir", None, "Folder of prepared data.")
flags.DEFINE_string("workdir", "runs/tables/movielens_1m", "Folder of all runs.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of every row.")
flags.DEFINE_list("rows", list(ROWS), "Rows to train now; the table waits for all.")


def main() -> None:
    """Trains what is missing and, once every row is there, writes the table."""
    folder, seeds = Path(flags.FLAGS.workdir), [int(s) for s in flags.FLAGS.seeds]
    for row in flags.FLAGS.rows:
        if row not in ROWS:
            raise ValueError(f"Unknown row {row!r}; known ones: {', '.join(ROWS)}.")
        for seed in seeds:
            config = dataclasses.replace(
                CONFIGS[f"movielens_1m_{row}"],
                data_dir=flags.FLAGS.data_dir,
                seed=seed,
            )
            path = folder / row / str(seed)
            result = train_and_evaluate(config, path, "resume", flags.FLAGS.cache_dir)
            print(row, seed, result["value"], result["emb_params"], flush=True)
    paths = {
        (row, s): folder / row / str(s) / "result.json" for row in ROWS for s in seeds
    }
    missing = [
        f"{row}/{seed}" for (row, seed), path in paths.items() if not path.exists()
    ]
    if missing:
        print(f"The table waits for {', '.join(missing)}.")
        return
    runs = {key: json.loads(path.read_text()) for key, path in paths.items()}
    table = [summarize(row, [runs[row, seed] for seed in seeds]) for row in ROWS]
    write_table(table, _ROOT)


def write_table(table: list[dict[str, Any]], root: Path) -> None:
    """Writes the result file, the picture and the READMEs' tables below `root`."""
    (root / "results").mkdir(exist_ok=True)
    content = json.dumps({"table": "movielens_1m", "rows": table}, indent=2) + "\n"
    write_atomically(root / "results" / "movielens_1m.json", content)
    (root / "docs").mkdir(exist_ok=True)
    document.scatter(table, root / "docs" / "movielens_1m.png")
    for name in ("README.md", "experiments/recommendation/README.md"):
        document.insert(root / name, "movielens_1m", markdown(table))


def markdown(table: list[dict[str, Any]]) -> str:
    """The table as Markdown: ours as mean ± deviation over the seeds."""
    lines = [
        "| users/items anchors | published MSE | parameters | our MSE | parameters |"
        " bytes |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        mse, params = row["mse"], row["emb_params"]
        lines.append(
            f"| {row['name']} | {row['published_mse']:.3f} |"
            f" {row['published_emb_params'] / 1000:.1f}K |"
            f" {mse['mean']:.4f} ± {mse['deviation']:.4f} |"
            f" {params['mean'] / 1000:.1f}K ± {params['deviation'] / 1000:.1f}K |"
            f" {row['emb_bytes']['mean'] / 1000:.0f} kB |"
        )
    return "\n".join(lines)


def summarize(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the result file from the results of its seeds."""
    published_row = published()[name]
    config = {
        k: v for k, v in runs[0]["config"].items() if k not in ("seed", "data_dir")
    }
    return {
        "name": "full table" if name == "full" else name[4:].replace("_", "/"),
        "published_mse": float(published_row["mse"]),
        "published_emb_params": int(published_row["emb_params"]),
        "mse": _summary([run["value"] for run in runs]),
        "emb_params": _summary([run["emb_params"] for run in runs]),
        "emb_bytes": _summary([run["emb_bytes"] for run in runs]),
        "config": config,
        "runs": [{key: run[key] for key in _KEPT.split()} for run in runs],
    }


def _summary(values: list[float]) -> dict[str, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "deviation": deviation}


def published() -> dict[str, dict[str, str]]:
    """The published figures by the name of our row."""
    with _PUBLISHED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    named = {"full": next(row for row in rows if row["method"] == "mf")}
    for row in rows:
        if row["method"] == "ant":
            named[f"ant_{row['user_anchors']}_{row['item_anchors']}"] = row
    return named


if __name__ == "__main__":
    cli.run(main)
