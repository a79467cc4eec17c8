"""What the options of the text program are worth, one at a time, on validation splits.

    python -m experiments.tables.text_classification.options --data_dir=FOLDER \
        --wordnet_dir=FOLDER

trains ANT on R8 with every choice of anchors that are words, with relations, opposites,
orthogonality and the LSTM, and writes `results/text_options.json` and the table of the
program's README. The test split plays no part in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from experiments.runner import cli
from experiments.tables import document, markdown, program, runs
from experiments.tables.summary import plus_minus, summarize, thousands
from experiments.text_classification.configs import WORD_CHOICES, Config
from experiments.text_classification.task import TextClassification

_NAME = "text_options"
_WORDS = {"anchors_choice": "frequency_kmeans"}
_SHARED: dict[str, Any] = {
    "dataset": "r8",
    "tokenizer": "whitespace",
    "epochs": 8,
    "patience": 2,
}


def rows(wordnet_dir: str | None) -> dict[str, Config]:
    """Config by row."""
    wordnet = {"relations": "wordnet", "wordnet_dir": wordnet_dir, **_WORDS}
    changes: dict[str, dict[str, Any]] = {
        "random anchors": {},
        **{f"anchors: {choice}": {"anchors_choice": choice} for choice in WORD_CHOICES},
        "related by co-occurrence": {"relations": "cooccurrence", **_WORDS},
        "related in WordNet": wordnet,
        "related, opposites apart": {"negative_weight": 0.1, **wordnet},
        "orthogonality": {"orthogonality": 1e-3},
        "LSTM": {"encoder": "lstm"},
        "LSTM, full table": {"encoder": "lstm", "method": "full"},
        "CNN, full table": {"method": "full"},
    }
    return {
        name.replace(" ", "_"): Config(**(_SHARED | settings))
        for name, settings in changes.items()
    }


def content(results: runs.Results) -> dict[str, Any]:
    """The result file: validation accuracy and size of every row."""
    recorded = runs.recorded(TextClassification, results)
    for row, of_seeds in results.items():
        recorded["rows"][row]["runs"] = [_validation(result) for result in of_seeds]
    lines = [
        {
            "row": row.replace("_", " "),
            "validation": summarize([r["validation"] for r in of_seeds]),
            "emb_params": summarize([r["emb_params"] for r in of_seeds]),
        }
        for row, of_seeds in results.items()
    ]
    return {"table": _NAME, "lines": lines, **recorded}


def _validation(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("seed", "validation", "emb_params", "epochs", "wall_s", "commit", "device")
    return {key: result[key] for key in kept}


def publish(content: program.Content, root: Path) -> None:
    """Writes the README's table below `root`."""
    table = markdown.table(
        "R8 | validation accuracy | parameters",
        (
            f"{line['row']} | {plus_minus(line['validation'], 2)}"
            f" | {thousands(line['emb_params'])}"
            for line in content["lines"]
        ),
    )
    document.describe(root, "text_classification", _NAME, table)


def main() -> None:
    """Trains the missing runs and writes the table."""

    def measure() -> runs.Results | None:
        return runs.train_rows(TextClassification, rows(flags.FLAGS.wordnet_dir))

    program.main(_NAME, measure, content, publish)


if __name__ == "__main__":
    program.define_flags("runs/tables/text_options")
    runs.define_flags()
    flags.DEFINE_string("wordnet_dir", None, "Folder of the WordNet 3.0 database.")
    cli.run(main)
