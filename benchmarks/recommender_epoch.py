"""Seconds of an epoch of the recommendation program: ANT against the full table.

    python -m benchmarks.recommender_epoch
    python -m benchmarks.recommender_epoch --only movielens_25m --repetitions 2

Two parts: `movielens_1m` compares the method with the full table at several settings,
and `movielens_25m` at the size, and nearly the settings, of the published times. The
ratings are generated, of the sizes and the skew of the real ones; from them on,
everything is the program's own.
"""

import dataclasses
from pathlib import Path
from typing import Any

from benchmarks.parts import make_parser, measure_parts, publish
from benchmarks.programs.recommender import Job
from benchmarks.turns import Program, enough_turns, take_turns
from experiments.data.synthetic import MOVIELENS_1M, MOVIELENS_25M, Skew
from experiments.recommendation.configs import Config, tuned_ant
from experiments.tables import markdown

Row = dict[str, Any]

RESULTS = Path(__file__).parent / "results" / "recommender_epoch.json"
ENTRY = "benchmarks.programs.recommender:on_generated_ratings"

# Seconds of an epoch of MovieLens 25M on a GTX 980 Ti: Anchor & Transform, 4.4.7.
PUBLISHED = {"ant_5": 176, "ant_20": 180, "full": 165}
LABELS = {
    "ant": "ANT",
    "ant_5": "ANT 5/5",
    "ant_20": "ANT 20/20",
    "full": "full table",
    "full_dense": "full table, every row at every step",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What takes turns: configs by the name of their program."""

    name: str
    skew: Skew
    configs: dict[str, Config]


def with_full_tables(name: str, ant: Config) -> Setting:
    """A config of ANT, and full tables of vectors of the same length."""
    full = dataclasses.replace(ant, method="full")
    dense = dataclasses.replace(full, lazy_rows=False)
    configs = {"ant": ant, "full": full, "full_dense": dense}
    return Setting(name, MOVIELENS_1M, configs)


_LARGE = Config(features=16, l1=2e-6, batch_size=1024)

PARTS: dict[str, list[Setting]] = {
    "movielens_1m": [
        with_full_tables(name, dataclasses.replace(config, batch_size=batch_size))
        for name, config in (
            ("published, K = 5/10, d = 16", Config(user_anchors=5, item_anchors=10)),
            ("published, K = 15/15, d = 16", Config()),
            (
                "tuned, K = 18/18, d = 8, biases",
                tuned_ant(user_anchors=18, item_anchors=18),
            ),
        )
        for batch_size in (256, 1024)
    ],
    "movielens_25m": [
        Setting(
            "MovieLens 25M, d = 16",
            MOVIELENS_25M,
            {
                "ant_5": dataclasses.replace(_LARGE, user_anchors=5, item_anchors=5),
                "ant_20": dataclasses.replace(_LARGE, user_anchors=20, item_anchors=20),
                "full": dataclasses.replace(_LARGE, method="full"),
            },
        )
    ],
}


def measure(setting: Setting, repetitions: int, seed: int) -> Row:
    """The programs of a setting in turns.

    Args:
      setting: what to train.
      repetitions: least number of epochs of each.
      seed: of ratings, start and shuffles.

    Returns:
      A row of the result file.

    Raises:
      RuntimeError: a program failed; its traceback stands above.
    """
    configs = {
        name: dataclasses.replace(config, seed=seed)
        for name, config in setting.configs.items()
    }
    timings = take_turns(
        {
            name: Program(ENTRY, Job(config, setting.skew))
            for name, config in configs.items()
        },
        enough_turns(repetitions),
    )
    full = timings["full"].median
    return {
        "name": setting.name,
        "ratings": setting.skew.num_ratings,
        "batch_size": configs["full"].batch_size,
        "programs": {
            name: {
                **timing.description,
                "seconds": timing.seconds,
                "median_s": timing.median,
                "times_as_long_as_full": timing.median / full,
                "ratings_per_s": timing.description["ratings"] / timing.median,
                "peak_rss_bytes": timing.peak_rss_bytes,
                "config": configs[name].changes(),
            }
            for name, timing in timings.items()
        },
    }


def report(parts: dict[str, Any]) -> str:
    """The parts that were measured as tables in Markdown."""
    tables = {"movielens_1m": _small, "movielens_25m": _large}
    return "\n\n".join(
        table(parts[part]["rows"]) for part, table in tables.items() if part in parts
    )


def main() -> None:
    """Measures, and writes the JSON file and the tables."""
    parser = make_parser(__doc__, PARTS, RESULTS, repetitions=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.repetitions < 1 or args.seed < 0:
        parser.error("--repetitions must be at least 1, and --seed 0.")

    def measure_part(part: str) -> dict[str, Any]:
        rows = [measure(s, args.repetitions, args.seed) for s in PARTS[part]]
        defaults = dataclasses.asdict(Config())
        return {"seed": args.seed, "defaults": defaults, "rows": rows}

    name = "recommender_epoch"
    parts = measure_parts(name, args.only, args.out, measure_part, report)
    publish(name, args.out, RESULTS, report(parts))


def _small(rows: list[Row]) -> str:
    names = ("ant", "full", "full_dense")
    heads = " | ".join(f"{LABELS[name]}, s" for name in names)
    lines = []
    for row in rows:
        ant, full, dense = (row["programs"][name]["median_s"] for name in names)
        lines.append(
            f"{row['name']} | {row['batch_size']} | {ant:.3g} | {full:.3g}"
            f" | {dense:.3g} | {ant / full:.2f} | {ant / dense:.2f}"
        )
    heads = f"setting | batch | {heads} | ANT / full | ANT / every row"
    return markdown.table(heads, lines, "lrrrrrr")


def _large(rows: list[Row]) -> str:
    return markdown.table(
        "size | batch | program | an epoch, s | ratings a second | peak, GiB"
        " | published, s",
        (
            f"{row['name']} | {row['batch_size']} | {LABELS[name]}"
            f" | {program['median_s']:.3g} | {program['ratings_per_s']:,.0f}"
            f" | {program['peak_rss_bytes'] / 2**30:.2f} | {PUBLISHED[name]}"
            for row in rows
            for name, program in row["programs"].items()
        ),
        "lrlrrrr",
    )


if __name__ == "__main__":
    main()
