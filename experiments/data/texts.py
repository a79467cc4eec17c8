"""Tokenized texts as arrays, from a cache that is filled on the first call."""

import dataclasses
import logging
from typing import Any

import numpy as np
import pyarrow as pa

from experiments.data import cache, text_registry
from experiments.data.errors import DataError
from experiments.data.names import Names, join
from experiments.data.text_blocks import TextBlock
from experiments.data.text_builder import SPLITS, TextsBuilder
from experiments.data.text_sources import TEST, TRAIN, VALIDATION
from experiments.data.tokenizers import get_tokenizer

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Documents:
    """Labelled texts of one split, as numbers.

    Attributes:
      labels: int32 (n,), positions in `Texts.classes`.
      starts: int64 (n + 1,); text i is `tokens[starts[i] : starts[i + 1]]`.
      tokens: int32 (tokens,), positions in `Texts.words`.

    Raises:
      DataError: the arrays are not of these types, or do not fit together.
    """

    labels: np.ndarray
    starts: np.ndarray
    tokens: np.ndarray

    def __post_init__(self) -> None:
        for name, column, dtype in (
            ("labels", self.labels, np.int32),
            ("starts", self.starts, np.int64),
            ("tokens", self.tokens, np.int32),
        ):
            if column.dtype != dtype or column.ndim != 1:
                raise DataError(
                    f"{name} must be one column of {np.dtype(dtype)}, got"
                    f" {column.dtype} of shape {column.shape}."
                )
        if (
            len(self.starts) != len(self.labels) + 1
            or self.starts[0] != 0
            or self.starts[-1] != len(self.tokens)
            or (np.diff(self.starts) < 0).any()
        ):
            raise DataError(
                f"starts must rise from 0 to the {len(self.tokens)} tokens, with one"
                f" number more than the {len(self.labels)} labels."
            )

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self.labels)


@dataclasses.dataclass(frozen=True, eq=False)
class Texts:
    """All texts of a data set.

    Attributes:
      classes: the names of the classes.
      words: all words of all splits, in the order in which they first appear: those
        of the training split, then of the validation split, then of the test split.
      train: the texts for training.
      test: the texts for the final test.
      validation: those for development, where the data set brings its own.
      name: the data set's name.

    Raises:
      DataError: a number is no position of a class or a word.
    """

    classes: tuple[str, ...]
    words: Names
    train: Documents
    test: Documents
    validation: Documents | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for split in (self.train, self.test, self.validation):
            if split is not None:
                _check_range("class", split.labels, len(self.classes))
                _check_range("word", split.tokens, len(self.words))


def _check_range(kind: str, numbers: np.ndarray, stop: int) -> None:
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= stop):
        raise DataError(
            f"Numbers of a {kind} must be from 0 to {stop - 1}, got"
            f" {numbers.min()} to {numbers.max()}."
        )


def load_texts(
    dataset: str,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    *,
    tokenizer: str = "treebank",
    titles: bool = False,
) -> Texts:
    """Loads a data set, tokenizing it first if its files have not been seen before.

    The prepared files are kept under
    `<cache_dir>/<dataset>/<tokenizer>-<fingerprint of the source's files>/`. They
    appear there by one rename, so what is there is whole; what was damaged since is
    noticed by its checksum and prepared again.

    Args:
      dataset: a name in `text_registry.TEXT_SOURCES`.
      data_dir: where the user's copy of the data is: the publisher's folder or its
        parent.
      cache_dir: where prepared files are kept; by default the environment variable
        `ANT_JAX_CACHE`, or else `~/.cache/ant_jax`.
      tokenizer: a name in `tokenizers.TOKENIZERS`.
      titles: whether a text begins with its title, in the data sets that have titles.
        Chen & Gimpel kept it, Anchor & Transform dropped it.

    Returns:
      The texts, in the order of the files. A text of which the tokenizer leaves nothing
      is there, with no tokens.

    Raises:
      DataError: a name is unknown, or `data_dir` is missing.
      DataFileError: a file is missing, damaged, or not laid out as expected.
      CacheError: the cache cannot be written.
    """
    source = text_registry.get_text_source(dataset)
    tokenize = get_tokenizer(tokenizer)
    titles = titles and source.has_titles
    paths = source.locate(data_dir)
    kind = f"{tokenizer}-titles" if titles else tokenizer
    folder = cache.resolve(cache_dir) / dataset / f"{kind}-{source.fingerprint(paths)}"

    def builder() -> TextsBuilder:
        return TextsBuilder(
            source=source,
            paths=paths,
            tokenizer=tokenize,
            titles=titles,
            data_dir=folder,
        )

    texts = cache.load(
        TextsBuilder.folder(folder),
        builder,
        lambda made: _read(made, dataset),
        f"{dataset} from {paths[TRAIN].parent}",
    )
    for split in SPLITS:
        documents: Documents | None = getattr(texts, split)
        if documents is None:
            continue
        if source.sizes.get(split, len(documents)) != len(documents):
            _log.warning(
                "%s holds %d texts, the publisher's %s holds %d: it is another version,"
                " or cut off.",
                paths[split],
                len(documents),
                dataset,
                source.sizes[split],
            )
        empty = int(np.sum(np.diff(documents.starts) == 0))
        if empty:
            _log.warning(
                "The tokenizer %s leaves nothing of %d of the %d texts in %s.",
                tokenizer,
                empty,
                len(documents),
                paths[split],
            )
    return texts


def _read(builder: TextsBuilder, name: str) -> Texts:
    """Reads prepared files.

    Raises:
      Exception: of any type, where they are damaged.
    """
    counts = builder.info.metadata
    new_words: list[pa.Array] = []
    parts: dict[str, Documents] = {}
    crc32 = 0
    for split in SPLITS:
        if split in counts["num_texts"]:
            parts[split], crc32 = _read_split(builder, split, crc32, new_words)
    words = join(new_words)
    if (len(words), crc32) != (counts["num_words"], counts["crc32"]):
        raise ValueError("counts or checksum differ")
    return Texts(
        tuple(counts["classes"]),
        words,
        parts[TRAIN],
        parts[TEST],
        parts.get(VALIDATION),
        name,
    )


def _read_split(
    builder: TextsBuilder, split: str, crc32: int, new_words: list[pa.Array]
) -> tuple[Documents, int]:
    """Returns one split and the checksum so far, and appends its words."""
    counts = builder.info.metadata
    labels = np.empty(counts["num_texts"][split], np.int32)
    starts = np.zeros(len(labels) + 1, np.int64)
    tokens = np.empty(counts["num_tokens"][split], np.int32)
    text = token = 0
    record: dict[str, Any]
    for record in builder.as_data_source(split):
        words = [word.decode() for word in record["new_words"]]
        block = TextBlock(**record | {"new_words": words})
        last_text, last_token = text + len(block.label), token + len(block.token)
        labels[text:last_text] = block.label
        starts[text + 1 : last_text + 1] = token + np.cumsum(block.length)
        tokens[token:last_token] = block.token
        new_words.append(pa.array(words, pa.large_string()))
        crc32 = block.checksum(crc32)
        text, token = last_text, last_token
    if (text, token) != (len(labels), len(tokens)):
        raise ValueError(f"the counts of {split} differ")
    return Documents(labels, starts, tokens), crc32
