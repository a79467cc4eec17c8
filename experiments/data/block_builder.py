"""What the builders of this package share: blocks as ArrayRecord, no TensorFlow."""

import pathlib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

_BLOCKS_PER_SHARD = 1_024


class _LocalInfo(tfds.core.DatasetInfo):
    """Information that is never looked for in the bucket of TensorFlow Datasets."""

    def initialize_from_bucket(self) -> None:
        pass


class BlockBuilder(tfds.core.GeneratorBasedBuilder):
    """Writes blocks in the order in which they come, a block to a record.

    A subclass says what a block is made of (`_info`) and yields the blocks of each
    split (`_split_generators`), the splits one after the other.
    """

    def __init__(self, *, data_dir: pathlib.Path) -> None:
        """Describes the data set; writes nothing.

        Args:
          data_dir: where the prepared files are, or will be.
        """
        super().__init__(
            data_dir=data_dir, file_format=tfds.core.FileFormat.ARRAY_RECORD
        )

    @classmethod
    def folder(cls, data_dir: pathlib.Path) -> pathlib.Path:
        """Returns the folder of the prepared files inside `data_dir`."""
        return data_dir / cls.name / str(cls.VERSION)

    def _describe(self, description: str, **features: Any) -> tfds.core.DatasetInfo:
        """Returns what `_info` has to."""
        return _LocalInfo(
            builder=self,
            description=description,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> None:
        # The inherited way first gathers all records to sort them, and beyond 1 GB
        # it imports TensorFlow for that. Blocks come in order: they are written as
        # they come.
        del download_config
        # self.info remembers the final folder, a new one the temporary folder that
        # is renamed in the end.
        info = self._info()
        writer = tfds.core.SequentialWriter(
            info,
            max_examples_per_shard=_BLOCKS_PER_SHARD,
            file_format=tfds.core.FileFormat.ARRAY_RECORD.value,
        )
        for split, examples in self._split_generators(dl_manager).items():
            writer.initialize_splits([split])
            for _, example in examples:
                writer.add_examples({split: [example]})
        writer.close_all()
        self.info.set_splits(info.splits)

    # The inherited two print to the standard output.
    def _log_download_bytes(self) -> None:
        pass

    def _log_download_done(self) -> None:
        pass


def numbers(dtype: type[np.generic]) -> tfds.features.Tensor:
    """Returns the feature of a column of numbers, any length."""
    # As plain lists, integers would be widened to 64 bits and parsed one by one.
    return tfds.features.Tensor(
        shape=(None,), dtype=dtype, encoding=tfds.features.Encoding.BYTES
    )


def strings() -> tfds.features.Tensor:
    """Returns the feature of a column of strings, any length."""
    return tfds.features.Tensor(shape=(None,), dtype=np.object_)
