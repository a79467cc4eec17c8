"""Movie reviews of IMDB, as the publisher's folders or as CSV.

Source: A. Maas, R. Daly, P. Pham, D. Huang, A. Ng, C. Potts, Learning Word Vectors for
Sentiment Analysis, ACL 2011. A line break is written as in HTML, and read as one.
"""

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Iterator, Mapping

from experiments.data import files
from experiments.data.errors import DataFileError
from experiments.data.text_csv import LABEL, TEXT, CsvLayout
from experiments.data.text_folder import TextFolder
from experiments.data.text_sources import TEST, TRAIN, Text

_CLASSES = ("neg", "pos")
_FOLDERS = "train/neg, train/pos, test/neg and test/pos"
_LINE_BREAK = "<br />"
_REVIEW = re.compile(r"([0-9]+)_([0-9]+)\.txt")


@dataclasses.dataclass(frozen=True)
class Imdb(TextFolder):
    """A `text_sources.TextSource` of `train/neg/0_3.txt` and the like, or of CSV.

    Both give the reviews in the same order: the negative ones first, by number.
    """

    def locate(self, data_dir: str | None) -> dict[str, pathlib.Path]:
        """Returns the publisher's folders of the splits, or else CSV files."""
        if data_dir:
            root = pathlib.Path(data_dir).expanduser()
            for folder in [root / name for name in self.folders] + [root]:
                paths = {split: folder / split for split in (TRAIN, TEST)}
                if any(os.path.isdir(path) for path in paths.values()):
                    for path in paths.values():
                        for name in _CLASSES:
                            if not os.path.isdir(path / name):
                                raise DataFileError(
                                    f"{path} holds no folder {name}. The data set"
                                    f" {self.name} is {_FOLDERS}."
                                )
                    return paths
        return super().locate(data_dir)

    @property
    def _expected(self) -> str:
        return f"{_FOLDERS}, or {super()._expected}"

    def fingerprint(self, paths: Mapping[str, pathlib.Path]) -> str:
        """Returns 16 hexadecimal digits, see `text_sources.TextSource`."""
        if not os.path.isdir(paths[TRAIN]):
            return super().fingerprint(paths)
        digest = hashlib.blake2b(digest_size=8)
        for split, folder in sorted(paths.items()):
            for label, _ in enumerate(_CLASSES):
                for path in _reviews(folder, label):
                    content = hashlib.blake2b(_read(path), digest_size=16).digest()
                    digest.update(f"{split} {label} {path.name}\n".encode() + content)
        return digest.hexdigest()

    def classes(self, paths: Mapping[str, pathlib.Path]) -> tuple[str, ...]:
        """Returns `neg` and `pos`."""
        return _CLASSES

    def read(self, path: pathlib.Path, classes: tuple[str, ...]) -> Iterator[Text]:
        """Streams one split, see `text_sources.TextSource`."""
        if not os.path.isdir(path):
            yield from super().read(path, classes)
            return
        for label, _ in enumerate(_CLASSES):
            for review in _reviews(path, label):
                try:
                    text = _read(review).decode()
                except UnicodeDecodeError as error:
                    raise DataFileError(f"{review}: the text is not UTF-8.") from error
                if not text.strip():
                    raise DataFileError(f"{review}: the text is empty.")
                yield Text(label, "", text.replace(_LINE_BREAK, "\n"))


def _reviews(folder: pathlib.Path, label: int) -> list[pathlib.Path]:
    """Returns the files of one class, by number."""
    found = []
    for path in (folder / _CLASSES[label]).iterdir():
        match = _REVIEW.fullmatch(path.name)
        if match:
            found.append((int(match[1]), int(match[2]), path))
    if not found:
        raise DataFileError(
            f"{folder / _CLASSES[label]} holds no reviews. Expected files like 0_3.txt,"
            " a number and its stars."
        )
    return [path for *_, path in sorted(found)]


def _read(path: pathlib.Path) -> bytes:
    with files.open_binary(path) as stream:
        return stream.read()


SOURCE = Imdb(
    name="imdb",
    layout=CsvLayout(
        (LABEL, "rating", "id", TEXT),
        num_classes=2,
        first_class=0,
        line_break=_LINE_BREAK,
        names=_CLASSES,
    ),
    folders=("aclImdb", "imdb"),
    sizes={TRAIN: 25_000, TEST: 25_000},
    download="It can be had from ai.stanford.edu/~amaas/data/sentiment.",
)
