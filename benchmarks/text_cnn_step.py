"""Seconds of a step of the text CNN: ANT folded onto its anchors, and the full table.

    python -m benchmarks.text_cnn_step
    python -m benchmarks.text_cnn_step --only ag_news --repetitions 9

Two parts, on generated texts with the vocabularies of two data sets: `ag_news` with
K = 10 anchors, and `dbpedia`, of 563,355 words, with K = 100.
"""

import dataclasses
from pathlib import Path
from typing import Any

from benchmarks.parts import make_parser, measure_parts, publish
from benchmarks.texts import TextWorkload
from benchmarks.turns import Program, Timing, enough_turns, take_turns
from experiments.tables import markdown
from experiments.text_classification.configs import Config

RESULTS = Path(__file__).parent / "results" / "text_cnn_step.json"

_PROGRAM = "benchmarks.programs.text_classifier"
_OURS = f"{_PROGRAM}:ours"
# Function of each program, and what its config has that others have not.
PROGRAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "ant": (_OURS, {"lazy_rows": True}),
    "ant_dense": (_OURS, {}),
    "ant_unfolded": (_OURS, {"lazy_rows": True, "fold": False}),
    "full": (_OURS, {"method": "full", "lazy_rows": True}),
    "full_dense": (_OURS, {"method": "full"}),
    "adam": (f"{_PROGRAM}:adam", {"method": "full"}),
    "flax": ("benchmarks.programs.flax_text_cnn:steps", {"method": "full"}),
}
LABELS = {
    "ant": "ANT, folded, lazy rows",
    "ant_dense": "ANT, folded, every row at every step",
    "ant_unfolded": "ANT, not folded, lazy rows",
    "full": "full table, lazy rows",
    "full_dense": "full table, every row at every step",
    "adam": "full table, `optax.adam`",
    "flax": "`nn.Embed`, `nn.Conv`, `optax.adam`",
}
_FOLDED = ("ant", "ant_dense")

# Table 6 of Anchor & Transform: the CNN, its batch and its learning rate.
CNN = Config(anchors=10, features=256, batch_size=64, learning_rate=5e-3)


@dataclasses.dataclass(frozen=True)
class Part:
    """Programs that take turns.

    Attributes:
      name: whose vocabulary it is.
      workload: what all train, each with settings of its own.
      programs: their names.
    """

    name: str
    workload: TextWorkload
    programs: tuple[str, ...] = tuple(PROGRAMS)


PARTS = {
    "ag_news": Part("AG-News", TextWorkload(CNN, num_words=61_673, num_classes=4)),
    "dbpedia": Part(
        "DBPedia",
        TextWorkload(
            dataclasses.replace(CNN, anchors=100), num_words=563_355, num_classes=14
        ),
        # All seven would not fit in 16 GiB of memory.
        tuple(name for name in PROGRAMS if name != "ant_unfolded"),
    ),
}


def measure(part: Part, repetitions: int, seed: int) -> dict[str, Any]:
    """The programs of a part in turns.

    Args:
      part: what takes turns.
      repetitions: least number of turns of each.
      seed: of texts and start.

    Returns:
      What the file holds of a part.

    Raises:
      RuntimeError: a program failed; its traceback stands above.
    """
    workload = part.workload
    programs = {}
    for name in part.programs:
        entry, changes = PROGRAMS[name]
        config = dataclasses.replace(workload.config, seed=seed, **changes)
        programs[name] = Program(entry, dataclasses.replace(workload, config=config))
    timings = take_turns(programs, enough_turns(repetitions))
    steps = {name: _step(timing) for name, timing in timings.items()}
    ant = min(steps[name] for name in _FOLDED)
    return {
        "num_words": workload.num_words,
        "num_classes": workload.num_classes,
        "features": workload.config.features,
        "anchors": workload.config.anchors,
        "seed": seed,
        "defaults": dataclasses.asdict(Config()),
        "programs": {
            name: {
                **timing.description,
                "seconds": timing.seconds,
                "step_s": steps[name],
                "times_as_long_as_ant": steps[name] / ant,
                "texts_per_s": workload.config.batch_size / steps[name],
                "peak_rss_bytes": timing.peak_rss_bytes,
                "config": programs[name].job.config.changes(),
            }
            for name, timing in timings.items()
        },
    }


def report(parts: dict[str, Any]) -> str:
    """The parts that were measured as tables in Markdown."""
    return "\n\n".join(_table(name, parts[name]) for name in PARTS if name in parts)


def main() -> None:
    """Measures, and writes the JSON file and the tables."""
    parser = make_parser(__doc__, PARTS, RESULTS, repetitions=7)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.repetitions < 1 or args.seed < 0:
        parser.error("--repetitions must be at least 1, and --seed 0.")

    def measure_part(part: str) -> dict[str, Any]:
        return measure(PARTS[part], args.repetitions, args.seed)

    name = "text_cnn_step"
    parts = measure_parts(name, args.only, args.out, measure_part, report)
    publish(name, args.out, RESULTS, report(parts))


def _step(timing: Timing) -> float:
    steps: int = timing.description["steps"]
    return timing.median / steps


def _table(name: str, part: dict[str, Any]) -> str:
    title = (
        f"{PARTS[name].name}: {part['num_words']:,} words, d = {part['features']}, "
        f"K = {part['anchors']}"
    )
    return markdown.table(
        f"{title} | ms a step | times ANT | texts a second | peak, GiB",
        (
            f"{LABELS[name]} | {1e3 * program['step_s']:.3g}"
            f" | {program['times_as_long_as_ant']:.1f}"
            f" | {program['texts_per_s']:,.0f}"
            f" | {program['peak_rss_bytes'] / 2**30:.2f}"
            for name, program in part["programs"].items()
        ),
        "lrrrr",
    )


if __name__ == "__main__":
    main()
