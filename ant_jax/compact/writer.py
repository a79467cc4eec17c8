"""Writing a table."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import safetensors.numpy

from ant_jax.compact import checksum, codecs, floats, vocabulary
from ant_jax.compact.format import Header
from ant_jax.compact.sizes import Sizes
from ant_jax.files import write_atomically


@overload
def save(
    path: str | os.PathLike[str],
    emb: Any,
    params: Any,
    vocab: Sequence[str] | None = None,
) -> Sizes: ...


@overload
def save(
    path: str | os.PathLike[str],
    emb: Any,
    *,
    vocab: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
) -> Any: ...


def save(
    path: str | os.PathLike[str],
    emb: Any,
    params: Any = None,
    vocab: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
) -> Sizes | dict[str, Sizes]:
    """Writes an embedding to one file, to be read by `load` without JAX.

    Either a description and its parameters are given, or one thing that has tables:
    a layer of `ant_jax.nnx` or a module with such layers, an `nnx.State`, the variables
    of a Linen model, a `TrainState`, or any nest of `AnchorParams` and `SparseParams`.
    Layers of NNX are shipped whatever their method is. In the others the sparse tables
    are found, see `ant_jax.params`.

    Numbers are stored in `emb.dtype`, or in the parameters' own dtype where that is
    narrower: a lookup reads no more than that.

    Args:
      path: where to; the folder must exist. A file that stands there is replaced, in
        one step, once the new one is complete. Where there are several tables it is a
        folder, which is made if need be, with a file `<name>.safetensors` for each;
        other files there stay.
      emb: the description, such as an `AnchorEmbedding`; or what has the tables.
      params: the parameters of the description, all of one dtype, none of them NaN or
        infinite.
      vocab: names of the V objects in the order of their ids, no two alike. It may be a
        lazy sequence; names are read in chunks. For several tables a mapping from their
        names to those of their objects, in which some may be left out.

    Returns:
      Bytes of each part beside those of the dense table; for several tables, these by
      the name of the table.

    Raises:
      ValueError: the parameters do not fit the description or the vocabulary, are not
        finite, or the method has no codec; or there is no table, or several and the
        path is that of a file.
      OSError: a file cannot be written; what stood there before still does.

    Example:
      >>> import jax, os, tempfile
      >>> import ant_jax as ant
      >>> emb = ant.AnchorEmbedding(num_embeddings=3, features=2, num_anchors=1)
      >>> folder = tempfile.mkdtemp()
      >>> path = os.path.join(folder, "words.safetensors")
      >>> params = emb.init(jax.random.key(0))
      >>> sizes = ant.compact.save(path, emb, params, vocab=["a", "b", "c"])
      >>> sizes.num_params
      5

      All tables of a model:

      >>> sizes = ant.compact.save(folder, {"users": params, "items": params})
      >>> sorted(os.listdir(folder))
      ['items.safetensors', 'users.safetensors', 'words.safetensors']
    """
    if params is not None:
        if isinstance(vocab, Mapping):
            raise ValueError("vocab of a single table is a sequence, got a mapping.")
        data, sizes = encode(emb, _params_of(emb, params), vocab)
        write_atomically(path, data)
        return sizes
    if _is_description(emb):
        raise ValueError(
            f"{type(emb).__name__} only describes a table: pass its parameters too, "
            "save(path, emb, params)."
        )
    # Who passes such a tree has JAX already.
    from ant_jax.compact.trees import tables_of

    tables = tables_of(emb)
    names = _vocabularies(vocab, tables)
    if len(tables) == 1:
        ((name, table),) = tables.items()
        data, sizes = encode(*table, names.get(name))
        write_atomically(path, data)
        return sizes
    if Path(path).suffix == ".safetensors":
        raise ValueError(
            f"There are {len(tables)} tables, {_listed(tables)}: pass the path of a "
            f"folder, not of a file, got {os.fspath(path)}."
        )
    encoded = {}
    for name, table in tables.items():
        try:
            encoded[name] = encode(*table, names.get(name))
        except ValueError as error:
            raise ValueError(f"Table {name!r}: {error}") from error
    _write_folder(
        Path(path),
        {f"{name or 'table'}.safetensors": data for name, (data, _) in encoded.items()},
    )
    return {name: sizes for name, (_, sizes) in encoded.items()}


def encode(
    emb: Any, params: Any, vocab: Sequence[str] | None = None
) -> tuple[bytes, Sizes]:
    """The file of one table, and the bytes of its parts; see `save`."""
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
    parts = {name: array.nbytes for name, array in tensors.items()}
    sizes = Sizes(
        parts={**parts, "header": len(data) - sum(parts.values())},
        dense=header.dense_bytes,
        num_params=packed.num_params,
    )
    return data, sizes


def _is_description(emb: Any) -> bool:
    # A tree may have a parameter of this name.
    return isinstance(getattr(emb, "method", None), str)


def _params_of(emb: Any, params: Any) -> Any:
    if not _is_description(emb) and hasattr(emb, "description"):
        raise ValueError(
            f"{type(emb).__name__} has parameters of its own: save(path, layer), or "
            "save(path, layer, vocab=...) with names."
        )
    # A layer in place of its parameters.
    own = getattr(params, "params", None)
    return own if isinstance(own, tuple) else params


def _vocabularies(
    vocab: Sequence[str] | Mapping[str, Sequence[str]] | None, tables: Collection[str]
) -> Mapping[str, Sequence[str]]:
    if vocab is None:
        return {}
    if not isinstance(vocab, Mapping):
        if len(tables) == 1:
            return dict.fromkeys(tables, vocab)
        raise ValueError(
            f"There are {len(tables)} tables, {_listed(tables)}: vocab must map these "
            "names to those of their objects."
        )
    if unknown := sorted(set(vocab) - set(tables)):
        raise ValueError(
            f"vocab has names for {unknown[0]!r}, but the tables are {_listed(tables)}."
        )
    return vocab


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes all of the files, or none and leaves what was there."""
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as staging:
            for name, data in files.items():
                write_atomically(Path(staging, name), data)
            for name in files:
                os.replace(Path(staging, name), folder / name)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


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
    elif hasattr(params, "dtype") and hasattr(params, "shape"):
        yield params
    else:
        raise ValueError(
            "params must be what emb.init returns, such as AnchorParams(anchors, "
            f"transform), got {type(params).__name__}."
        )
