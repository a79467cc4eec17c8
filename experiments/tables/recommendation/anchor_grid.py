"""The objective over a grid of user and item anchors, and where nbANT lands.

    python -m experiments.tables.recommendation.anchor_grid --data_dir=FOLDER

After Figures 3 and 7 of Liang et al., *Anchor & Transform*, ICLR 2021. It trains ANT at
every pair of numbers of anchors, and nbANT from few and from many anchors at several
prices of an anchor, and writes `results/anchor_grid.json`, `docs/anchor_grid.png` and
the table of the program's README. Only nbANT trains with the price: for ANT it says no
more than which pair is best, so one grid serves all prices.

What counts of a run, a pair's as well as nbANT's, is the least objective that it had
after any epoch, on the validation split.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from ant_jax.nonparametric import objective
from experiments.recommendation.configs import Config
from experiments.recommendation.task import Recommendation
from experiments.runner import cli
from experiments.runner.metrics import read_metrics
from experiments.runner.workdir import Workdir
from experiments.tables import document, markdown, program, runs
from experiments.tables.recommendation import pictures

_STEPS = 781  # of an epoch
_KEPT = ("epochs", "wall_s", "commit", "device")

Run = dict[str, Any]  # `result.json`, with the rows of `metrics.jsonl` as "history"


def grid_config(**changes: Any) -> Config:
    """Settings of ANT at a pair of numbers of anchors."""
    settings: dict[str, Any] = {
        "dataset": "movielens_1m",
        "biases": True,
        "batch_size": 1024,
        "features": 8,
        "anchors_start": "signed_basis",
        "transform_stddev": 1e-3,
        "l1": 3e-7,
        "epochs": 20,
        "patience": 20,
        "halving_steps": 5 * _STEPS,
        "prune_tolerance": 0.0,
        "refit_epochs": 0,
    }
    return Config(**(settings | changes))


def nbant_config(start: int, anchor_cost: float, **changes: Any) -> Config:
    """Settings of nbANT that starts with this number of anchors of users and of items.

    Each number that it tries has five epochs to show its worth, at rates that fall four
    times as slowly as those of a pair. With two anchors a feature has its axis and the
    way back, so they come and go in twos.
    """
    settings: dict[str, Any] = {
        "method": "nbant",
        "user_anchors": start,
        "item_anchors": start,
        "anchor_cost": anchor_cost,
        "max_anchors": 16,
        "anchor_step": 2,
        "anchors_move": "both",
        "trend_window": 6,
        "trend_delay": 6,
        "trend_warmup": 0,
        "trend_tolerance": 1e-3,
        "epochs": 80,
        "patience": 80,
        "halving_steps": 20 * _STEPS,
    }
    return grid_config(**(settings | changes))


def grid_name(users: int, items: int) -> str:
    """The row of a pair of numbers of anchors."""
    return f"ant_{users}_{items}"


def nbant_name(anchor_cost: float, start: int) -> str:
    """The row of nbANT."""
    return f"nbant_{anchor_cost:g}_from_{start}"


def rows(
    anchors: Sequence[int], costs: Sequence[float], starts: Sequence[int]
) -> dict[str, Config]:
    """Everything that is trained, by name: nbANT last."""
    pairs = [(users, items) for users in anchors for items in anchors]
    landings = [(cost, start) for cost in costs for start in starts]
    return {
        grid_name(*pair): grid_config(user_anchors=pair[0], item_anchors=pair[1])
        for pair in pairs
    } | {
        nbant_name(*landing): nbant_config(landing[1], landing[0])
        for landing in landings
    }


def content(results: runs.Results) -> dict[str, Any]:
    """The result file, of what the flags name."""
    values = flags.FLAGS
    anchors, costs, starts = _axes()
    tables = []
    for index, seed in enumerate(map(int, values.seeds)):
        found = {name: of_seeds[index] for name, of_seeds in results.items()}
        for name, run in found.items():
            workdir = Workdir(Path(values.workdir) / name / str(seed))
            found[name] = {**run, "history": read_metrics(workdir.metrics)}
        tables += [summarize(found, anchors, cost, starts, seed) for cost in costs]
    first = results[grid_name(anchors[0], anchors[0])][0]
    return {
        "table": "anchor_grid",
        "defaults": runs.defaults(Recommendation),
        "config": runs.settings(Recommendation, first),
        "tables": tables,
    }


def summarize(
    found: Mapping[str, Run],
    anchors: Sequence[int],
    anchor_cost: float,
    starts: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """The grid at a price, and where nbANT lands beside its best pair.

    Args:
      found: runs by their name in `rows`.
      anchors: numbers of anchors of the grid.
      anchor_cost: the price.
      starts: numbers of anchors that nbANT started from.
      seed: of all runs.

    Returns:
      A table of the result file: `grid[i][j]` is the objective with `anchors[i]` of the
      users and `anchors[j]` of the items, and the `gap` of a landing is how far its
      objective is above the least of them, as a share of it.
    """
    pairs = [(users, items) for users in anchors for items in anchors]
    lowest = {
        pair: min(objectives(found[grid_name(*pair)], anchor_cost)) for pair in pairs
    }
    best = min(pairs, key=lambda pair: lowest[pair])
    landings = []
    for start in starts:
        run = found[nbant_name(anchor_cost, start)]
        values = objectives(run, anchor_cost)
        landings.append(
            {
                "start": start,
                **run["anchors"],
                "objective": min(values),
                "gap": min(values) / lowest[best] - 1,
                "test_mse": run["value"],
                "course": [
                    [row["anchors_users"], row["anchors_items"], value]
                    for row, value in zip(run["history"], values, strict=True)
                ],
                **{key: run[key] for key in _KEPT},
            }
        )
    return {
        "anchor_cost": anchor_cost,
        "seed": seed,
        "anchors": list(anchors),
        "grid": [[lowest[users, items] for items in anchors] for users in anchors],
        "best": {"users": best[0], "items": best[1], "objective": lowest[best]},
        "grid_epochs": sum(found[grid_name(*pair)]["epochs"] for pair in pairs),
        "grid_wall_s": round(sum(found[grid_name(*pair)]["wall_s"] for pair in pairs)),
        "landings": landings,
    }


def objectives(run: Run, anchor_cost: float) -> list[float]:
    """The objective after every epoch, at a price."""
    l1, tables = run["config"]["l1"], run["anchors"]

    def of_epoch(row: Mapping[str, Any]) -> float:
        # Those of an epoch are in its row where nbANT changes them.
        anchors = sum(row.get(f"anchors_{name}", tables[name]) for name in tables)
        loss, nonzeros = row["validation"], row["non_zeros"]
        return objective(loss, nonzeros, anchors, l1, anchor_cost)

    return list(map(of_epoch, run["history"]))


def publish(content: program.Content, root: Path) -> None:
    """Draws the picture and writes the README's table below `root`."""
    tables = content["tables"]
    pictures.heat_maps(tables, document.picture(root, "anchor_grid"))
    table = markdown.table(
        "price of an anchor | best of the grid, users/items | objective | nbANT from"
        " | lands at | objective | above the best | epochs, grid's",
        (
            f"{one['anchor_cost']:g} | {best['users']}/{best['items']}"
            f" | {best['objective']:.4f} | {landing['start']}/{landing['start']}"
            f" | {landing['users']}/{landing['items']} | {landing['objective']:.4f}"
            f" | {landing['gap']:+.1%} | {landing['epochs']}, {one['grid_epochs']}"
            for one in tables
            for best in [one["best"]]
            for landing in one["landings"]
        ),
    )
    document.describe(root, "recommendation", "anchor_grid", table)


def main() -> None:
    """Trains the missing runs and writes the table."""

    def measure() -> runs.Results | None:
        return runs.train_rows(Recommendation, rows(*_axes()))

    program.main("anchor_grid", measure, content, publish)


def _axes() -> tuple[list[int], list[float], list[int]]:
    """Numbers of anchors of the grid, prices of an anchor, and where nbANT starts."""
    values = flags.FLAGS
    costs = [float(cost) for cost in values.anchor_costs]
    return list(map(int, values.anchors)), costs, list(map(int, values.starts))


if __name__ == "__main__":
    program.define_flags("runs/tables/anchor_grid")
    runs.define_flags()
    flags.FLAGS.set_default("seeds", ["0"])
    anchors = ["2", "4", "6", "8", "12", "16"]
    flags.DEFINE_list("anchors", anchors, "Numbers of anchors of the grid.")
    flags.DEFINE_list("anchor_costs", ["1e-4", "5e-4", "2e-3"], "Prices of an anchor.")
    flags.DEFINE_list("starts", ["2", "10"], "Anchors that nbANT starts from.")
    cli.run(main)
