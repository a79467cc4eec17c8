"""Writes a small database in the files of WordNet, see its manual page wndb(5WN)."""

from pathlib import Path
from typing import NamedTuple

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}


class Synset(NamedTuple):
    """What is in a line of a data file."""

    part: str  # n, v, a or r
    words: list[str]
    # Symbol, number of the other synset, and of the words meant, each from 1 on; 0 is
    # the whole synset.
    pointers: tuple[tuple[str, int, int, int], ...] = ()


def write(folder: Path, synsets: list[Synset], exceptions: dict[str, str]) -> None:
    """Writes lexnames, and for each part of speech its data, index and exceptions.

    Args:
      folder: where to.
      synsets: to be written.
      exceptions: nouns that are inflected irregularly, and their stems.
    """
    folder.mkdir(parents=True)
    (folder / "lexnames").write_text("00\tall\t3\n")
    offsets = _offsets(synsets)
    for part, name in PARTS.items():
        own = [i for i, synset in enumerate(synsets) if synset.part == part]
        lines = [_line(synsets, offsets, i) for i in own]
        (folder / f"data.{name}").write_text(_header() + "".join(lines))
        index = {}
        for i in own:
            for word in synsets[i].words:
                index.setdefault(word.lower(), []).append(offsets[i])
        rows = [
            f"{word} {part} {len(places)} 0 {len(places)} 0 "
            + " ".join(f"{place:08d}" for place in places)
            for word, places in sorted(index.items())
        ]
        (folder / f"index.{name}").write_text("".join(f"{row}  \n" for row in rows))
        listed = exceptions if part == "n" else {}
        lines = [f"{inflected} {stem}\n" for inflected, stem in listed.items()]
        (folder / f"{name}.exc").write_text("".join(lines))


def _header() -> str:
    return "  1 WordNet 3.0 Copyright: a database made for a test.  \n"


def _line(synsets: list[Synset], offsets: list[int], i: int) -> str:
    part, words, pointers = synsets[i]
    names = " ".join(f"{word} 0" for word in words)
    links = "".join(
        f"{symbol} {offsets[to]:08d} {synsets[to].part} {source:02x}{target:02x} "
        for symbol, to, source, target in pointers
    )
    return (
        f"{offsets[i]:08d} 00 {part} {len(words):02x} {names} {len(pointers):03d} "
        f"{links}| what it means  \n"
    )


def _offsets(synsets: list[Synset]) -> list[int]:
    """Where each line begins in its file; their widths do not depend on that."""
    offsets = [0] * len(synsets)
    for part in PARTS:
        place = len(_header())
        for i, synset in enumerate(synsets):
            if synset.part == part:
                offsets[i] = place
                place += len(_line(synsets, [0] * len(synsets), i))
    return offsets
