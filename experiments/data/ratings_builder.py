"""The TensorFlow Datasets builder of all ratings. It never imports TensorFlow."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from experiments.data import blocks
from experiments.data.block_builder import BlockBuilder, numbers, strings
from experiments.data.sources import RatingsSource

SPLIT = "ratings"


class RatingsBuilder(BlockBuilder):
    """Writes the ratings of one source as ArrayRecord, a block to a record.

    A record is a `blocks.Block`: 65,536 ratings, so that 25 million are 382 records
    and load in seconds, where one record a rating would take minutes.

    The metadata hold `num_ratings`, `num_users`, `num_items` and the `crc32` of all
    blocks, by which a reader knows that it got everything.
    """

    # The prepared files depend on the source's bytes, which are part of the folder's
    # name, and on the code that reads them: raise this when that changes.
    VERSION = tfds.core.Version("1.0.0")
    name = "ratings"

    def __init__(
        self, *, source: RatingsSource, path: pathlib.Path, data_dir: pathlib.Path
    ) -> None:
        """Describes the data set; writes nothing.

        Args:
          source: reads the ratings.
          path: the file for the source to read.
          data_dir: where the prepared files are, or will be.
        """
        self._source = source
        self._path = path
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            f"Ratings of {self._source.name}, in blocks.",
            user=numbers(np.int32),
            item=numbers(np.int32),
            rating=numbers(np.float32),
            new_users=strings(),
            new_items=strings(),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        del dl_manager  # Nothing is downloaded: the user brings the file.
        return {SPLIT: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        num_ratings = num_users = num_items = crc32 = 0
        for key, block in enumerate(
            blocks.encode_blocks(self._source.read(self._path))
        ):
            num_ratings += len(block.rating)
            num_users += len(block.new_users)
            num_items += len(block.new_items)
            crc32 = block.checksum(crc32)
            yield key, block._asdict()
        self.info.metadata.update(
            num_ratings=num_ratings,
            num_users=num_users,
            num_items=num_items,
            crc32=crc32,
        )
