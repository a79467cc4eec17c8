"""Putting results where people, and other programs, read them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically
from experiments.tables import layout

ROOT = Path(__file__).parents[2]  # of the repository


def store(root: Path, name: str, content: Mapping[str, Any]) -> None:
    """Writes `results/<name>.json` below `root`."""
    path = _results(root, name)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, layout.dumps(dict(content)))


def load(root: Path, name: str) -> dict[str, Any]:
    """Reads what `store` has written.

    Raises:
      OSError: there is no such file.
    """
    content: dict[str, Any] = json.loads(_results(root, name).read_text())
    return content


def exists(root: Path, name: str) -> bool:
    """Whether there is a file for `load` to read."""
    return _results(root, name).exists()


def picture(root: Path, name: str) -> Path:
    """Where the picture `docs/<name>.png` goes below `root`; makes its folder."""
    folder = root / "docs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.png"


def describe(root: Path, program: str, name: str, text: str) -> None:
    """Puts a table into the README of a training program; see `insert`."""
    insert(root / "experiments" / program / "README.md", name, text)


def insert(path: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers `<!-- name:begin -->` and `:end`.

    Raises:
      ValueError: the file lacks the markers.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    content = path.read_text()
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError(f"{path} must hold {begin} and {end}, once each.")
    head, rest = content.split(begin)
    tail = rest.split(end)[1]
    write_atomically(path, f"{head}{begin}\n{text}\n{end}{tail}")


def _results(root: Path, name: str) -> Path:
    return root / "results" / f"{name}.json"
