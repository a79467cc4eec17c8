"""What Anchor & Transform has published."""

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent / "published"


def table(name: str) -> list[dict[str, str]]:
    """The lines of a published table, from the file of that name."""
    with (_FOLDER / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def value(name: str) -> str:
    """A number from the paper's text by our name for it, as it is printed.

    Raises:
      KeyError: there is none of this name.
    """
    return {row["name"]: row["value"] for row in table("ant_other_values")}[name]
