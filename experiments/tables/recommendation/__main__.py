"""Every table and picture of the recommender, one after another.

    python -m experiments.tables.recommendation --movielens_1m=FOLDER --epinions=FOLDER
    python -m experiments.tables.recommendation --from_results

What is finished is not trained again; the same command, started twice, shares the work.
The second one trains nothing and writes READMEs and pictures anew.
"""

from pathlib import Path

from absl import flags

from experiments.runner import cli
from experiments.tables.commands import command, define_flags, run
from experiments.tables.recommendation.ratings import DATASETS

_ROOM = "experiments.tables.recommendation"
_COMPARED = "ant,full_16,mixed_dimension_0.6,sparse_cbow_16,low_rank_4"


def programs() -> list[list[str]]:
    """Module and arguments of every program; those that read runs come last."""
    finished = f"--runs={Path(flags.FLAGS.workdir) / 'pareto'}"

    def table(name: str, *arguments: str, folder: str = "") -> list[str]:
        dataset = "epinions" if folder == "epinions" else "movielens_1m"
        where = folder or name
        return command(f"{_ROOM}.{name}", *arguments, dataset=dataset, folder=where)

    clusters = (f"{_ROOM}.clusters", finished, "--budget=59400")
    found = [
        table("ratings"),
        table("ratings", "--dataset=epinions", folder="epinions"),
        table("pareto"),
        table("ablation", "--seeds=0"),
        table("anchor_grid"),
        table("online"),
        table("lazy_rows"),
        command(*clusters, dataset="movielens_1m"),
    ]
    if not flags.FLAGS.from_results:
        found.append([f"{_ROOM}.convergence", finished, f"--rows={_COMPARED}"])
    return found


if __name__ == "__main__":
    define_flags("runs/tables", DATASETS)
    cli.run(lambda: run(programs()))
