"""Relations between words from WordNet."""

import contextlib
import itertools
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ant_jax.relations.graph import RelationGraph

_PARTS = ("noun", "verb", "adj", "adv")
_FILES = (
    "lexnames",
    *(f"{kind}.{part}" for part in _PARTS for kind in ("index", "data")),
    *(f"{part}.exc" for part in _PARTS),
)

# Errors that NLTK's parser raises at a line it cannot read, besides its own.
_PARSING = (
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    UserWarning,
    ValueError,
)


def wordnet_relations(words: Sequence[str], folder: str | os.PathLike) -> RelationGraph:
    """Relates words that are one step apart in WordNet.

    Miller, *WordNet: a lexical database for English*, CACM 1995. Positive pairs are,
    for every sense of a word, its synonyms and the names of its hypernyms ("tree" of
    "oak") and hyponyms; an inflected form has the senses of its stem. Negative pairs
    are the antonyms of the word.

    Args:
      words: the vocabulary in the order of the ids. Case is ignored, and a space equals
        an underscore.
      folder: the folder of the WordNet database (`index.noun`, `data.noun`, ...), or a
        folder with the database in `corpora/wordnet`, as from NLTK's downloader.

    Returns:
      A `RelationGraph` over `len(words)` objects.

    Raises:
      ImportError: NLTK is not installed.
      FileNotFoundError: the folder lacks a file of the database.
      ValueError: a file is damaged.

    Example:
      With the database in `folder`, `wordnet_relations(["oak", "tree"], folder)`
      returns the positive pair (0, 1). Without it:

      >>> wordnet_relations(["oak", "tree"], "nowhere")  # doctest: +ELLIPSIS
      Traceback (most recent call last):
      ...
      FileNotFoundError: nowhere is not a WordNet database: it lacks lexnames, ...
    """
    root = _find(Path(folder))
    objects = defaultdict(list)
    for index, word in enumerate(words):
        objects[_normal(word)].append(index)
    positive: list[tuple[int, int]] = []
    negative: list[tuple[int, int]] = []
    with _open(root) as reader:
        for word, own in objects.items():
            for pairs, names in (
                (positive, _related(reader, word)),
                (negative, _antonyms(reader, word)),
            ):
                others = {o for name in names for o in objects.get(_normal(name), ())}
                pairs += itertools.product(own, others)
    return RelationGraph(
        len(words), np.array(positive, np.int64), np.array(negative, np.int64)
    )


def _related(reader: Any, word: str) -> Iterator[str]:
    for synset in reader.synsets(word):
        for near in (
            [synset],
            synset.hypernyms(),
            synset.instance_hypernyms(),
            synset.hyponyms(),
            synset.instance_hyponyms(),
        ):
            for other in near:
                yield from other.lemma_names()


def _antonyms(reader: Any, word: str) -> Iterator[str]:
    for lemma in reader.lemmas(word):
        yield from (antonym.name() for antonym in lemma.antonyms())


def _normal(word: str) -> str:
    return word.lower().replace(" ", "_")


def _find(folder: Path) -> Path:
    """The folder of the database: the given one, or `corpora/wordnet` in it."""
    below = folder / "corpora" / "wordnet"
    root = below if below.is_dir() else folder
    missing = [name for name in _FILES if not (root / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{root} is not a WordNet database: it lacks {', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}. Unpack WordNet 3.0 there, or run "
            "`python -m nltk.downloader -d FOLDER wordnet` and unzip it."
        )
    return root.resolve()


@contextlib.contextmanager
def _open(root: Path) -> Iterator[Any]:
    """NLTK's reader, whose errors about damaged files become a ValueError."""
    try:
        import nltk
        from nltk.corpus.reader import wordnet
    except ImportError as error:
        raise ImportError(
            "Relations from WordNet are read by NLTK, which is not installed: "
            "pip install nltk."
        ) from error

    class English(wordnet.WordNetCorpusReader):
        """The reader without the tables that map other languages to English.

        NLTK leaves its files open; here they are closed at the end.
        """

        def map_wn(self, version: str = "wordnet") -> None:
            del version

        def open(self, file: str) -> Any:
            return streams.enter_context(super().open(file))

    # NLTK opens files in listed folders only.
    if str(root) not in nltk.data.path:
        nltk.data.path.append(str(root))
    try:
        with contextlib.ExitStack() as streams, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The multilingual functions")
            warnings.filterwarnings("error", "No WordNet synset found")
            yield English(str(root), None)
    except (wordnet.WordNetError, *_PARSING) as error:
        raise ValueError(
            f"The WordNet database in {root} is damaged, unpack it again: {error}"
        ) from error
