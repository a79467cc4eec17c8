"""Texts to blocks of numbered tokens."""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from experiments.data.vocabulary import Vocabulary

BLOCK_SIZE = 65_536


class TextBlock(NamedTuple):
    """Consecutive texts, and the words that are new in them.

    The vocabulary is the `new_words` of all blocks, one after the other, those of an
    earlier split first.
    """

    label: np.ndarray  # int32 (texts,)
    length: np.ndarray  # int32 (texts,), tokens of each
    token: np.ndarray  # int32 (tokens,), of all texts one after the other
    new_words: list[str]  # those that did not appear in an earlier block

    def checksum(self, start: int = 0) -> int:
        """Returns the CRC-32 of the block, continued from that of earlier ones."""
        # The lengths keep ["ab"] and ["a", "b"] apart.
        lengths = np.fromiter(map(len, self.new_words), np.int32, len(self.new_words))
        for array in (self.label, self.length, self.token, lengths):
            start = zlib.crc32(array.tobytes(), start)
        return zlib.crc32("".join(self.new_words).encode(), start)


def encode_blocks(
    texts: Iterable[tuple[int, list[str]]],
    vocabulary: Vocabulary,
    size: int = BLOCK_SIZE,
) -> Iterator[TextBlock]:
    """Turns tokenized texts into blocks; holds one block and fingerprints.

    Args:
      texts: the class and the tokens of each text.
      vocabulary: numbers the words; to be the same for all splits.
      size: a block ends with the text that brings it to this many tokens, its end
        counted as one.

    Yields:
      Blocks, in the order of the texts.
    """
    labels: list[int] = []
    lengths: list[int] = []
    tokens: list[str] = []

    def block() -> TextBlock:
        numbers, new = vocabulary.encode(pa.array(tokens, pa.string()))
        return TextBlock(
            np.array(labels, np.int32), np.array(lengths, np.int32), numbers, new
        )

    for label, words in texts:
        labels.append(label)
        lengths.append(len(words))
        tokens += words
        if len(tokens) + len(labels) >= size:
            yield block()
            labels, lengths, tokens = [], [], []
    if labels:
        yield block()
