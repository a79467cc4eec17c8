"""The layout of a file, version 2.

A file is in the safetensors format. Its metadata has one entry, `ant_jax.compact`,
whose value is a JSON object, the header:

    format          "ant_jax.compact"
    version         2
    method          name of the codec that packed the tensors, such as "ant" or "full"
    num_embeddings  V
    features        d
    dtype           dtype of a lookup: float16, bfloat16, float32 or float64
    stored_dtype    dtype of the stored numbers, never wider than `dtype`
    options         sizes that the method needs, such as {"num_anchors": K}
    crc32           checksum; a file without one is not checked for changed bits

Method "ant", with T in compressed rows:

    anchors            (K, d)    stored_dtype
    transform.values   (nnz,)    stored_dtype, row after row, no zeros
    transform.columns  (bytes,)  uint8, the column of each value, ascending in a row, in
                                 ceil(log2 K) bits, lowest bit first
    transform.indices  (nnz,)    unsigned, replaces columns where that is not longer
    transform.counts   (V,)      unsigned, number of values in each row

If it is shorter, counts has entries for the rows with values only, and one of these
masks tells which rows they are:

    transform.filled.bits  (bytes,)  uint8, a bit for each row, highest bit first
    transform.filled.runs  (runs,)   unsigned, lengths of the runs of rows without and
                                     with values, in turn; only the first may be 0

Method "full":

    embedding          (V, d)    stored_dtype

Methods "sparse_cbow" and "slimming": the tensors of a matrix in compressed rows as
above, with d columns and the name embedding in place of transform.

Method "low_rank", with the option rank, r:

    coefficients       (V, r)    stored_dtype
    basis              (r, d)    stored_dtype

Method "quotient_remainder", with the options num_remainders, m, and operation, 1 for
the product of two rows and 2 for their sum:

    quotients          (q, d)    stored_dtype, q = ceil(V / m), the row of v is v // m
    remainders         (m, d)    stored_dtype, the row of v is v % m

Method "hashing", with the options num_buckets, m, and num_hashes, h:

    embedding          (m, d)    stored_dtype
    hashes             (h, 2)    uint32, a and b of (a v + b) mod (2^31 - 1) mod m

Method "hash_embedding", with the options num_buckets, m, num_hashes, h, and
row_features, r, which is d, or d - h if the weights are the last features of a vector:

    embedding          (m, r)    stored_dtype
    weights            (V, h)    stored_dtype
    hashes             (h, 2)    uint32, as for "hashing"

Method "product_quantization", with the options num_groups, m, and num_codes, k:

    codebooks          (m, k, d/m)  stored_dtype
    codes              (bytes,)  uint8, (V, m) integers of ceil(log2 k) bits, row after
                                 row, lowest bit first

Method "selected", with the option num_rows, u + 1; one of the two masks, whichever is
shorter, tells which objects are kept:

    embedding          (u+1, d)  stored_dtype, a row for each kept object, then one for
                                 all others
    kept.bits          (bytes,)  uint8, a bit for each object, highest bit first
    kept.runs          (runs,)   unsigned, lengths of the runs of objects that are not
                                 kept and are kept, in turn; only the first may be 0

Method "cluster", with the option num_clusters, k; b is ceil(log2 k):

    embedding          (k, d)    stored_dtype
    assignments        (bytes,)  uint8, b bits for each object, its row of embedding,
                                 lowest bit first, ceil(V b / 8) bytes

Method "cluster_adjustment", with the options num_clusters, k, and adjustment_features,
a; embedding has d - a columns:

    embedding, assignments       as above
    adjustment         (V, a)    stored_dtype, the last columns of the table

Method "mixed_cluster", with the options num_clusters, k, and num_frequent, u;
assignments are those of the other V - u objects:

    embedding, assignments       as above
    frequent           (u, d)    stored_dtype, the first rows of the table

Method "anchor_mixture": the tensors of "ant", where K counts the anchors of all sets,
and T is the softmax of the rows of each set.

Method "mixed_dimension", with the option num_blocks, k; D is the sum of the d_i that
differ from d:

    blocks.sizes       (k,)      unsigned, V_i of each block
    blocks.features    (k,)      unsigned, d_i of each block
    blocks.values      (n,)      stored_dtype, the tables (V_i, d_i), one after another
    projections        (D, d)    stored_dtype, (d_i, d) of each block with d_i != d

Any method, if a vocabulary was given:

    vocab.bytes        (bytes,)  uint8, the names of the objects in UTF-8, concatenated
    vocab.lengths      (V,)      unsigned, bytes of each name

Files of version 1 have no columns and no masks of filled rows.

Unsigned types are the narrowest of 8, 16 and 32 bits that hold the numbers. NumPy has
no bfloat16, so such numbers are stored as their bits, in uint16. There are no other
tensors.

The checksum is a CRC-32 in eight hexadecimal digits, computed over the header without
its checksum, with the fields in the order above and no spaces in between, followed by
the name and the CRC-32 (four bytes, lowest first) of each tensor, in alphabetical order
of the names.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ant_jax.compact import floats

FORMAT = "ant_jax.compact"
VERSION = 2


@dataclasses.dataclass(frozen=True)
class Header:
    """The header of a file, which is read before any tensor.

    Attributes:
      method: name of the codec.
      num_embeddings: size V of the vocabulary.
      features: length d of an embedding vector.
      dtype: name of the dtype that a lookup returns.
      stored_dtype: name of the dtype in which the numbers are stored.
      options: sizes that the method needs besides V and d.
      crc32: checksum of the file, see `checksum`; None if it has none.
    """

    method: str
    num_embeddings: int
    features: int
    dtype: str
    stored_dtype: str
    options: Mapping[str, int]
    crc32: str | None = None

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense table, V d numbers of `dtype`."""
        return self.num_embeddings * self.features * floats.storage(self.dtype).itemsize

    def to_metadata(self) -> dict[str, str]:
        """The metadata of the safetensors file."""
        fields = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        if self.crc32 is None:
            del fields["crc32"]
        return {FORMAT: json.dumps(fields, separators=(",", ":"))}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> "Header":
        """Reads and checks the metadata of a safetensors file.

        Args:
          metadata: the metadata, if there is any.

        Returns:
          The header.

        Raises:
          ValueError: it is of another format, of a newer version, or damaged.
        """
        if not metadata or FORMAT not in metadata:
            raise ValueError(f"it was not written by {FORMAT}.save")
        try:
            fields = json.loads(metadata[FORMAT])
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its header is not JSON: {error}") from None
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise ValueError(f"its header is not one of {FORMAT}")
        version = fields.pop("version", None)
        if not _is_size(version):
            raise ValueError(f"its version is {version!r}, not a positive integer")
        if version > VERSION:
            raise ValueError(
                f"it has version {version} and this ant_jax reads up to {VERSION}: "
                "install a newer ant_jax"
            )
        return cls(**_checked(fields))


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(Header)}
    fields = {"crc32": None, **fields}
    if fields.keys() != names:
        wrong = ", ".join(sorted(names ^ fields.keys()))
        raise ValueError(f"its header has missing or unexpected fields: {wrong}")
    for name in ("num_embeddings", "features"):
        if not _is_size(fields[name]):
            raise ValueError(f"{name} is {fields[name]!r}, not a positive integer")
    for name in ("dtype", "stored_dtype"):
        if fields[name] not in floats.NAMES:
            known = ", ".join(floats.NAMES)
            raise ValueError(f"{name} is {fields[name]!r}, not one of {known}")
    if not floats.holds(fields["dtype"], fields["stored_dtype"]):
        raise ValueError(
            f"its numbers are stored in {fields['stored_dtype']}, "
            f"which {fields['dtype']} cannot hold"
        )
    if not isinstance(fields["method"], str):
        raise ValueError(f"method is {fields['method']!r}, not a name")
    if not isinstance(fields["crc32"], str | None):
        raise ValueError(f"crc32 is {fields['crc32']!r}, not a string")
    options = fields["options"]
    if not isinstance(options, dict) or not all(map(_is_size, options.values())):
        raise ValueError(f"options are {options!r}, not named positive integers")
    return fields


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
