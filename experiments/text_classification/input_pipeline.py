"""Texts split, cut to one length, and words numbered by their frequency in training."""

import dataclasses
import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from experiments.data import Documents, Names, Texts
from experiments.runner.splits import Splits as Splits

_log = logging.getLogger(__name__)
PAD, UNK, EOS = 0, 1, 2
SPECIAL = ("<pad>", "<unk>", "<eos>")
# (generator, labels, how many) -> the places of the validation split.
_Choose = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
_PIECE = 1 << 14  # texts at a time, which bounds the memory of intermediate results


class Examples(NamedTuple):
    """Texts as the model takes them; a pytree of three arrays."""

    tokens: np.ndarray  # int32 (n, length), PAD behind the end
    lengths: np.ndarray  # int32 (n,), tokens before the padding
    labels: np.ndarray  # int32 (n,)


class Unknown(NamedTuple):
    """Shares of the tokens in `Splits` that are `<unk>`, `<pad>` and `<eos>` aside."""

    train: float
    validation: float
    test: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What a training program needs of a data set.

    Attributes:
      splits: the parts.
      words: (V,) `<pad>`, `<unk>`, `<eos>`, then by falling frequency in training, of
        equally frequent ones first the one that appears first in the files.
      counts: int64 (V,), how often a word occurs in the training texts, before they
        are cut; `<unk>` for all words left out, `<eos>` once a text, `<pad>` never.
      documents: int64 (V,), in how many training texts it occurs.
      classes: the names of the classes.
      unknown: shares of unknown tokens.
    """

    splits: Splits
    words: Names
    counts: np.ndarray
    documents: np.ndarray
    classes: tuple[str, ...]
    unknown: Unknown


def prepare(
    texts: Texts,
    *,
    seed: int,
    length: int = 100,
    max_words: int | None = None,
    min_count: int = 1,
    validation_share: float = 0.1,
    validation_split: str = "random",
) -> Prepared:
    """Takes a validation split out of training, and numbers the words that are left.

    The vocabulary is that of the training texts alone, after the validation split is
    taken out. A text is cut to `length` tokens; one that is shorter ends with `<eos>`,
    as in the program of W. Chen et al., NAACL 2019, from whom Anchor & Transform has
    its CNN.

    Where the data set brings its own validation split, it is used. Else it is drawn at
    random, not stratified by class. Anchor & Transform does not say how it was taken;
    Chen & Gimpel draw 5,000 texts at random, and for IMDB 1,000 of each class.

    IMDB's reviews of a film stand next to each other, and its test split is of other
    films than its training split. Of texts drawn at random nearly all are of films that
    are in training too, whose names tell the label there, and not in the test split; of
    texts that stand next to each other few are.

    Args:
      texts: all texts of a data set.
      seed: non-negative; the same seed gives the same split on every machine.
      length: tokens of an example.
      max_words: how many words to keep at most, the most frequent, `SPECIAL` aside.
      min_count: how often a word must occur in training to be kept.
      validation_share: the share of the training texts that becomes the validation
        split, rounded; without meaning where the data set brings its own.
      validation_split: how it is taken: `random`, or `contiguous`, of every class texts
        that stand next to each other in the file, from a random one on.

    Returns:
      Parts, words and counts.

    Raises:
      ValueError: an argument is out of range, or a part or the vocabulary would be
        empty.
    """
    if validation_split not in VALIDATION_SPLITS:
        raise ValueError(
            f"validation_split must be one of {', '.join(VALIDATION_SPLITS)}, got"
            f" {validation_split!r}."
        )
    if length < 1 or min_count < 1 or (max_words is not None and max_words < 1):
        raise ValueError(
            "length, min_count and max_words must be at least 1, got"
            f" {length}, {min_count} and {max_words}."
        )
    train, validation = texts.train, texts.validation
    if validation is None:
        choose = _CHOICES[validation_split]
        train, validation = _split(train, seed, validation_share, choose)
    counts = np.bincount(train.tokens, minlength=len(texts.words))
    numbers, order = _number(texts.words, counts, min_count, max_words)
    splits = Splits(
        *(_examples(part, numbers, length) for part in (train, validation, texts.test))
    )
    size = len(SPECIAL) + len(order)
    new_counts = np.zeros(size, np.int64)
    np.add.at(new_counts, numbers, counts)
    new_counts[EOS] += len(train)
    documents = _count_documents(train, numbers, size)
    documents[EOS] = len(train)
    words = Names([*SPECIAL, *texts.words.take(order)])
    unknown = Unknown(*(_unknown_share(part.tokens) for part in splits))
    _log.info(
        "%d words of %d in training; unknown tokens: %s",
        len(order),
        np.count_nonzero(counts),
        ", ".join(f"{n} {s:.2%}" for n, s in unknown._asdict().items()),
    )
    return Prepared(splits, words, new_counts, documents, texts.classes, unknown)


def _split(
    documents: Documents, seed: int, validation_share: float, choose: _Choose
) -> tuple[Documents, Documents]:
    n = len(documents)
    taken = round(n * validation_share)
    if not 0 < taken < n:
        raise ValueError(
            f"A share of {validation_share} leaves {n - taken} of {n} texts for"
            f" training and {taken} for validation: each needs at least one."
        )
    validation = np.zeros(n, np.bool_)
    validation[choose(np.random.default_rng(seed), documents.labels, taken)] = True
    return _keep(documents, ~validation), _keep(documents, validation)


def _anywhere(rng: np.random.Generator, labels: np.ndarray, taken: int) -> np.ndarray:
    return rng.permutation(len(labels))[:taken]


def _side_by_side(
    rng: np.random.Generator, labels: np.ndarray, taken: int
) -> np.ndarray:
    """The same share of every class, rounded so that all together are `taken`."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    ends = np.cumsum(sizes)
    shares = np.diff(np.round(ends * (taken / len(labels))).astype(int), prepend=0)
    return np.concatenate(
        [
            order[end - size :][rng.integers(0, size - share + 1) :][:share]
            for end, size, share in zip(ends, sizes, shares, strict=True)
        ]
    )


_CHOICES: dict[str, _Choose] = {"random": _anywhere, "contiguous": _side_by_side}
VALIDATION_SPLITS = tuple(_CHOICES)


def _keep(documents: Documents, kept: np.ndarray) -> Documents:
    """Returns the texts where `kept`, bool (n,), is true."""
    lengths = np.diff(documents.starts)
    starts = np.concatenate([[0], np.cumsum(lengths[kept])])
    tokens = documents.tokens[np.repeat(kept, lengths)]
    return Documents(documents.labels[kept], starts, tokens)


def _number(
    words: Names, counts: np.ndarray, min_count: int, max_words: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the new number of each old one, int32, and the old ones in new order."""
    numbers = np.full(len(words), UNK, np.int32)
    kept = counts >= min_count
    # A text may itself hold what stands for an unknown word or for its end. It cannot
    # hold padding.
    for old, word in enumerate(words):
        if word in SPECIAL:
            kept[old] = False
            numbers[old] = EOS if word == SPECIAL[EOS] else UNK
    order = np.argsort(-counts, kind="stable")
    order = order[kept[order]][:max_words]
    if not len(order):
        raise ValueError(
            f"No word occurs {min_count} times in training: lower min_count."
        )
    numbers[order] = np.arange(len(SPECIAL), len(SPECIAL) + len(order), dtype=np.int32)
    return numbers, order


def _examples(documents: Documents, numbers: np.ndarray, length: int) -> Examples:
    tokens = _pad(documents, numbers, length)
    lengths = np.count_nonzero(tokens != PAD, axis=1).astype(np.int32)
    return Examples(tokens, lengths, documents.labels)


def _pad(documents: Documents, numbers: np.ndarray, length: int) -> np.ndarray:
    """Returns tokens, int32 (n, length), cut or ended and filled up."""
    padded = np.full((len(documents), length), PAD, np.int32)
    lengths = np.diff(documents.starts)
    for first in range(0, len(documents), _PIECE):
        piece = slice(first, first + _PIECE)
        begins, sizes = documents.starts[:-1][piece], lengths[piece]
        tokens = documents.tokens[begins[0] : begins[-1] + sizes[-1]]
        places = np.arange(len(tokens)) - np.repeat(begins - begins[0], sizes)
        filled = np.arange(length) < np.minimum(sizes, length)[:, None]
        # Both are in the order of the texts.
        padded[piece][filled] = numbers[tokens[places < length]]
    ended = np.flatnonzero(lengths < length)
    padded[ended, lengths[ended]] = EOS
    return padded


def _count_documents(
    documents: Documents, numbers: np.ndarray, size: int
) -> np.ndarray:
    """Returns in how many texts each number occurs, int64 (size,)."""
    found = np.zeros(size, np.int64)
    lengths = np.diff(documents.starts)
    for first in range(0, len(documents), _PIECE):
        piece = slice(first, first + _PIECE)
        begins, sizes = documents.starts[:-1][piece], lengths[piece]
        tokens = documents.tokens[begins[0] : begins[-1] + sizes[-1]]
        texts = np.repeat(np.arange(len(sizes)), sizes)
        # Sorted, for np.unique hashes integers, which takes ten times as long.
        pairs = np.sort(texts * size + numbers[tokens])
        once = pairs[np.diff(pairs, prepend=-1) > 0]
        found += np.bincount(once % size, minlength=size)
    return found


def _unknown_share(tokens: np.ndarray) -> float:
    words = int(np.count_nonzero((tokens != PAD) & (tokens != EOS)))
    return int(np.count_nonzero(tokens == UNK)) / max(words, 1)
