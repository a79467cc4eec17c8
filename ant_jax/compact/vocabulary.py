"""The names of the objects, as bytes and lengths."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ant_jax.compact.tensors import UNSIGNED, Tensors, narrowest

# Names held as strings at a time.
_CHUNK = 1 << 14


def pack(vocab: Sequence[Any], num_embeddings: int) -> dict[str, NDArray[Any]]:
    """The tensors that hold a vocabulary.

    It takes the bytes of the names and about 30 more for each, and reads the names in
    order and in chunks, so that they need not all be strings in memory.

    Args:
      vocab: names of the V objects, distinct strings; may be a lazy sequence.
      num_embeddings: size V of the vocabulary.

    Returns:
      The tensors by name.

    Raises:
      ValueError: a name is not a string or is repeated, or the number of names is not
        V.
    """
    if isinstance(vocab, str) or len(vocab) != num_embeddings:
        raise ValueError(
            f"vocab must be {num_embeddings} strings in the order of the ids, "
            f"got {'one string' if isinstance(vocab, str) else len(vocab)}."
        )
    text = bytearray()
    lengths = np.empty(num_embeddings, np.int64)
    hashes = np.empty(num_embeddings, np.int64)
    names = iter(vocab)
    for start in range(0, num_embeddings, _CHUNK):
        chunk = itertools.islice(names, _CHUNK)
        encoded = [_encode(name, start + i) for i, name in enumerate(chunk)]
        here = slice(start, start + len(encoded))
        lengths[here] = [len(name) for name in encoded]
        hashes[here] = [hash(name) for name in encoded]
        text += b"".join(encoded)
    _check_distinct(vocab, hashes)
    return {
        "vocab.bytes": np.frombuffer(text, np.uint8),
        "vocab.lengths": lengths.astype(narrowest(int(lengths.max()))),
    }


def _encode(name: Any, index: int) -> bytes:
    if not isinstance(name, str):
        raise ValueError(f"vocab[{index}] must be a string, got {name!r}.")
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"vocab[{index}] is {name!r}, which UTF-8 cannot encode."
        ) from None


def _check_distinct(vocab: Sequence[str], hashes: NDArray[np.int64]) -> None:
    """Raises an error for repeated names; only names with equal hashes are compared."""
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not repeated.size:
        return
    seen: dict[str, int] = {}
    for index in np.flatnonzero(np.isin(hashes, repeated)).tolist():
        name = vocab[index]
        if (first := seen.setdefault(name, index)) != index:
            raise ValueError(f"vocab[{index}] repeats vocab[{first}], {name!r}.")


class Vocabulary:
    """Names stored as bytes, which are decoded when they are first needed."""

    def __init__(self, text: NDArray[np.uint8], lengths: NDArray[Any]) -> None:
        """Checks the bytes of all names and the length of each.

        Args:
          text: the names in UTF-8, concatenated, uint8 (bytes,).
          lengths: bytes of each name, unsigned (V,).

        Raises:
          ValueError: they disagree, or a name is not UTF-8.
        """
        ends = np.cumsum(lengths, dtype=np.int64)
        if ends[-1] != text.size:
            raise ValueError(
                f"'vocab.lengths' sums to {ends[-1]}, but there are {text.size} bytes"
            )
        self._bytes = text.tobytes()
        self._ends = ends
        try:
            self._bytes.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"its vocabulary is not UTF-8: {error}") from None
        inner = ends[ends < text.size]
        # A byte 10xxxxxx continues a character, so no name can start with it.
        if np.any(text[inner] & 0xC0 == 0x80):
            raise ValueError("its vocabulary has a name that ends inside a character")

    def names(self) -> tuple[str, ...]:
        """All V names in the order of their ids."""
        ends = self._ends.tolist()
        return tuple(
            self._bytes[start:end].decode()
            for start, end in zip([0, *ends], ends, strict=False)
        )


def unpack(tensors: Tensors, num_embeddings: int) -> Vocabulary | None:
    """Reads the vocabulary of a file, if it has one.

    Args:
      tensors: the file.
      num_embeddings: size V of the vocabulary.

    Returns:
      The vocabulary, or None.

    Raises:
      ValueError: it is damaged.
    """
    if "vocab.bytes" not in tensors and "vocab.lengths" not in tensors:
        return None
    text = tensors.take("vocab.bytes", UNSIGNED[:1], None)
    return Vocabulary(text, tensors.take("vocab.lengths", UNSIGNED, num_embeddings))
