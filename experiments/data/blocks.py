"""Raw ratings to blocks of a fixed length, with integers for identifiers."""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from experiments.data.sources import ITEM, RATING, USER
from experiments.data.vocabulary import Vocabulary

BLOCK_SIZE = 65_536


class Block(NamedTuple):
    """Up to `BLOCK_SIZE` consecutive ratings, and the identifiers new in them.

    A vocabulary is therefore the `new_users` (`new_items`) of all blocks, one
    after the other: it needs no pass of its own and never has to be in one record.
    """

    user: np.ndarray  # int32 (n,)
    item: np.ndarray  # int32 (n,)
    rating: np.ndarray  # float32 (n,)
    new_users: list[str]  # those that did not appear in an earlier block
    new_items: list[str]

    def checksum(self, start: int = 0) -> int:
        """Returns the CRC-32 of the block, continued from that of earlier ones."""
        for array in (self.user, self.item, self.rating):
            start = zlib.crc32(array.tobytes(), start)
        for names in (self.new_users, self.new_items):
            # The lengths keep ["ab"] and ["a", "b"] apart.
            lengths = np.fromiter(map(len, names), np.int32, len(names))
            start = zlib.crc32(
                "".join(names).encode(), zlib.crc32(lengths.tobytes(), start)
            )
        return start


def encode_blocks(
    batches: Iterable[pa.RecordBatch], size: int = BLOCK_SIZE
) -> Iterator[Block]:
    """Turns a source's batches into blocks; holds one block and fingerprints.

    Args:
      batches: what a `sources.RatingsSource` yields.
      size: ratings to a block; only the last block may hold fewer.

    Yields:
      Blocks, in the order of the ratings.
    """
    users, items = Vocabulary(), Vocabulary()
    for batch in _resize(batches, size):
        user, new_users = users.encode(batch[USER])
        item, new_items = items.encode(batch[ITEM])
        yield Block(user, item, batch[RATING].to_numpy(), new_users, new_items)


def _resize(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    pieces: list[pa.RecordBatch] = []
    missing = size
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, missing)
            pieces.append(piece)
            start += piece.num_rows
            missing -= piece.num_rows
            if not missing:
                yield pa.concat_batches(pieces)
                pieces, missing = [], size
    if pieces:
        yield pa.concat_batches(pieces)
