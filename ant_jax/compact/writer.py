"""Writing a table."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import safetensors.numpy

from ant_jax.compact import checksum, codecs, floats, vocabulary
from ant_jax.compact.format import Header
from ant_jax.compact.sizes import Sizes
from ant_jax.files import write_atomically


def save(
    path: str | os.PathLike[str],
    emb: Any,
    params: Any,
    vocab: Sequence[str] | None = None,
) -> Sizes:
    """Writes an embedding to one file, to be read by `load` without JAX.

    Numbers are stored in `emb.dtype`, or in the parameters' own dtype where that is
    narrower: a lookup reads no more than that.

    Args:
      path: where to; the folder must exist. A file that stands there is replaced, in
        one step, once the new one is complete.
      emb: the description, such as an `AnchorEmbedding`.
      params: its parameters, all of one dtype, none of them NaN or infinite.
      vocab: names of the V objects in the order of their ids, no two alike. Of a
        sequence that makes its strings when asked for them, few are held at a time.

    Returns:
      Bytes of each part beside those of the dense table.

    Raises:
      ValueError: the parameters do not fit the description or the vocabulary, are not
        finite, or the method has no codec.
      OSError: the file cannot be written; what stood there before still does.

    Example:
      >>> import jax, os, tempfile
      >>> import ant_jax as ant
      >>> emb = ant.AnchorEmbedding(num_embeddings=3, features=2, num_anchors=1)
      >>> path = os.path.join(tempfile.mkdtemp(), "words.safetensors")
      >>> params = emb.init(jax.random.key(0))
      >>> sizes = ant.compact.save(path, emb, params, vocab=["a", "b", "c"])
      >>> sizes.num_params
      5
    """
    codec = codecs.find(getattr(emb, "method", type(emb).__name__))
    dtype, stored_dtype = _dtypes(emb, params)
    packed = codec.pack(emb, params, stored_dtype)
    tensors = dict(packed.tensors)
    if vocab is not None:
        tensors |= vocabulary.pack(vocab, emb.num_embeddings)
    header = Header(
        method=emb.method,
        num_embeddings=emb.num_embeddings,
        features=emb.features,
        dtype=dtype,
        stored_dtype=stored_dtype,
        options=packed.options,
    )
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    sums = {name: checksum.of_tensor(array) for name, array in tensors.items()}
    header = dataclasses.replace(header, crc32=checksum.of_file(header, sums))
    data = safetensors.numpy.save(tensors, header.to_metadata())
    write_atomically(path, data)
    parts = {name: array.nbytes for name, array in tensors.items()}
    return Sizes(
        parts={**parts, "header": len(data) - sum(parts.values())},
        dense=header.dense_bytes,
        num_params=packed.num_params,
    )


def _dtypes(emb: Any, params: Any) -> tuple[str, str]:
    # Integers are indices, such as codes, which a codec packs in its own way.
    arrays = (a for a in _arrays(params) if np.dtype(a.dtype).kind not in "iu")
    found = sorted({floats.name_of(array.dtype) for array in arrays})
    if len(found) > 1:
        raise ValueError(
            f"All parameters must have one dtype, got {' and '.join(found)}."
        )
    (own,) = found
    dtype = own if emb.dtype is None else floats.name_of(emb.dtype)
    return dtype, own if floats.holds(dtype, own) else dtype


def _arrays(params: Any) -> Iterator[Any]:
    if isinstance(params, tuple):
        for part in params:
            yield from _arrays(part)
    elif hasattr(params, "dtype"):
        yield params
    else:
        raise ValueError(
            "params must be what emb.init returns, such as AnchorParams(anchors, "
            f"transform), got {type(params).__name__}."
        )
