"""Figures that stand in the text of Anchor & Transform."""

import csv
from pathlib import Path

_FIGURES = Path(__file__).parent / "published" / "ant_other_figures.csv"


def figure(name: str) -> str:
    """A figure by our name for it, as it is printed.

    Raises:
      KeyError: there is none of this name.
    """
    with _FIGURES.open(newline="") as file:
        return {row["name"]: row["value"] for row in csv.DictReader(file)}[name]
