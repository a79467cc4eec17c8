"""The TensorFlow Datasets builder of all texts. It never imports TensorFlow."""

import logging
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from experiments.data import text_blocks
from experiments.data.block_builder import BlockBuilder, numbers, strings
from experiments.data.text_sources import TEST, TRAIN, VALIDATION, TextSource
from experiments.data.tokenizers import Tokenizer
from experiments.data.vocabulary import Vocabulary

_log = logging.getLogger(__name__)
_REPORT_TEXTS = 50_000
# Training first: its words have the smallest numbers.
SPLITS = (TRAIN, VALIDATION, TEST)


class TextsBuilder(BlockBuilder):
    """Writes the tokenized texts of one source as ArrayRecord, a block to a record.

    A record is a `text_blocks.TextBlock`: some 65,536 tokens, so that DBPedia's 30
    million are 500 records and load in a second.

    The metadata hold the `classes`, `num_words`, for each split `num_texts` and
    `num_tokens`, and the `crc32` of all blocks, by which a reader knows that it got
    everything.
    """

    # The prepared files depend on the source's bytes and the tokenizer, which are part
    # of the folder's name, and on the code that reads them: raise this when that
    # changes.
    VERSION = tfds.core.Version("1.0.0")
    name = "texts"

    def __init__(
        self,
        *,
        source: TextSource,
        paths: Mapping[str, pathlib.Path],
        tokenizer: Tokenizer,
        titles: bool,
        data_dir: pathlib.Path,
    ) -> None:
        """Describes the data set; writes nothing.

        Args:
          source: reads the texts.
          paths: what the source is to read, by split.
          tokenizer: splits a text.
          titles: whether a text begins with its title.
          data_dir: where the prepared files are, or will be.
        """
        self._source = source
        self._paths = paths
        self._tokenizer = tokenizer
        self._titles = titles
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            f"Texts of {self._source.name}, tokenized, in blocks.",
            label=numbers(np.int32),
            length=numbers(np.int32),
            token=numbers(np.int32),
            new_words=strings(),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        del dl_manager  # Nothing is downloaded: the user brings the files.
        classes = self._source.classes(self._paths)
        self.info.metadata.update(
            classes=list(classes), num_texts={}, num_tokens={}, num_words=0, crc32=0
        )
        vocabulary = Vocabulary()
        return {
            split: self._generate_examples(split, classes, vocabulary)
            for split in SPLITS
            if split in self._paths
        }

    def _generate_examples(
        self, split: str, classes: tuple[str, ...], vocabulary: Vocabulary
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        counts = self.info.metadata
        num_texts = num_tokens = 0
        texts = self._tokenize(split, classes)
        for key, block in enumerate(text_blocks.encode_blocks(texts, vocabulary)):
            num_texts += len(block.label)
            num_tokens += len(block.token)
            counts["crc32"] = block.checksum(counts["crc32"])
            yield key, block._asdict()
        counts["num_texts"][split] = num_texts
        counts["num_tokens"][split] = num_tokens
        counts["num_words"] = len(vocabulary)

    def _tokenize(
        self, split: str, classes: tuple[str, ...]
    ) -> Iterator[tuple[int, list[str]]]:
        texts = self._source.read(self._paths[split], classes)
        for number, (label, title, text) in enumerate(texts, 1):
            whole = f"{title}\n{text}" if self._titles else text
            yield label, self._tokenizer(whole)
            if number % _REPORT_TEXTS == 0:
                _log.info("%d texts of %s tokenized", number, split)
