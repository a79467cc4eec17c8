"""Putting results where people, and other programs, read them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ant_jax.files import write_atomically


def store(root: Path, name: str, content: Mapping[str, Any], indent: int = 2) -> None:
    """Writes `results/<name>.json` below `root`."""
    folder = root / "results"
    folder.mkdir(exist_ok=True)
    text = json.dumps(content, indent=indent) + "\n"
    write_atomically(folder / f"{name}.json", text)


def picture(root: Path, name: str) -> Path:
    """Where the picture `docs/<name>.png` goes below `root`, in a folder that is."""
    folder = root / "docs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.png"


def describe(root: Path, name: str, text: str, program: str = "recommendation") -> None:
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
