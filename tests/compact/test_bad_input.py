"""A damaged file, or a table that cannot be saved: one message that says what to do."""

import errno
import json
import os
import pickle
import stat

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.compact import vocabulary
from ant_jax.embeddings import SparseEmbedding, SparseParams

V, D, K = 6, 3, 2
VOCAB = ["the", "of", "é", "日本", "a", "b"]


def description() -> ant.AnchorEmbedding:
    return ant.AnchorEmbedding(V, D, K)


def parameters() -> ant.AnchorParams:
    return ant.AnchorParams(
        anchors=jnp.arange(1.0, 7).reshape(K, D),
        transform=jnp.array([[1.0, 0], [0, 0], [2, 3], [0, 4], [5, 0], [0, 6]]),
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "table.safetensors"
    ant.compact.save(path, description(), parameters(), VOCAB)
    return path


def rewrite(path, *, header=None, metadata=None, **tensors):
    """Writes the file again with some of its parts changed; None removes one.

    It has no checksum then, as files had none once, and all other checks are on trial.
    """
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fields = json.loads(file.metadata()["ant_jax.compact"])
    del fields["crc32"]
    fields |= header or {}
    fields = {name: value for name, value in fields.items() if value is not None}
    if metadata is None:
        metadata = {"ant_jax.compact": json.dumps(fields)}
    found |= {name.replace("_", "."): value for name, value in tensors.items()}
    if "transform_indices" in tensors:  # as files of version 1 had them
        del found["transform.columns"]
    found = {name: array for name, array in found.items() if array is not None}
    safetensors.numpy.save_file(found, path, metadata)


def u8(*numbers):
    return np.array(numbers, np.uint8)


def f32(*numbers):
    return np.array(numbers, np.float32)


BAD_HEADERS = {
    "newer": ({"version": 3}, "version 3 .* install a newer ant_jax"),
    "old": ({"version": 0}, "version is 0"),
    "no version": ({"version": None}, "version is None"),
    "version true": ({"version": True}, "version is True"),
    "other format": ({"format": "other"}, "not one of ant_jax.compact"),
    "unknown method": ({"method": "magic"}, "no codec for the method 'magic'"),
    "other method": ({"method": "full"}, "no tensor 'embedding'"),
    "method number": ({"method": 3}, "method is 3"),
    "vocab": ({"num_embeddings": V + 1}, "'transform.counts' has the shape"),
    "no vocab": ({"num_embeddings": 0}, "num_embeddings is 0"),
    "features": (
        {"features": 4},
        r"'anchors' has the shape \(2, 3\), expected \(2, 4\)",
    ),
    "features text": ({"features": "3"}, "features is '3'"),
    "anchors": ({"options": {"num_anchors": 3}}, "'anchors' has the shape"),
    "options": ({"options": {}}, "expected num_anchors"),
    "options list": ({"options": [1]}, "named positive integers"),
    "no options": ({"options": None}, "missing or unexpected fields: options"),
    "checksum": ({"crc32": "00000000"}, "damaged: its checksum is"),
    "checksum number": ({"crc32": 7}, "crc32 is 7, not a string"),
    "more": ({"more": 1}, "missing or unexpected fields: more"),
    "dtype": ({"dtype": "int8"}, "dtype is 'int8'"),
    "stored": ({"stored_dtype": "float16"}, "'anchors' has the dtype F32"),
    "wider": ({"dtype": "float16"}, "which float16 cannot hold"),
}


@pytest.mark.parametrize(("header", "message"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_header(path, header, message):
    rewrite(path, header=header)
    with pytest.raises(ValueError, match=message) as caught:
        ant.compact.load(path)
    assert str(path) in str(caught.value)


def test_files_of_version_1_are_read(path):
    expected = ant.compact.load(path).matrix()
    rewrite(path, header={"version": 1}, transform_indices=u8(0, 0, 1, 1, 0, 1))
    assert (ant.compact.load(path).matrix() == expected).all()


BAD_TENSORS = {
    "index too large": ({"transform_indices": u8(0, 0, 1, 1, 0, 2)}, "holds 2, but"),
    "unsorted": ({"transform_indices": u8(0, 1, 0, 1, 0, 1)}, "ascend within row 2"),
    "duplicate": ({"transform_indices": u8(0, 1, 1, 1, 0, 1)}, "ascend within row 2"),
    "few indices": ({"transform_indices": u8(0)}, "'transform.indices' has the shape"),
    "signed": (
        {"transform_indices": u8(0, 0, 1, 1, 0, 1).astype(np.int8)},
        "'transform.indices' has the dtype I8",
    ),
    "counts": (
        {"transform_counts": u8(1, 0, 2, 1, 1, 2)},
        "sums to 7, but .* 6 values",
    ),
    "too few": ({"transform_counts": u8(1, 0, 2, 1, 1, 0)}, "sums to 5"),
    "few columns": ({"transform_columns": u8()}, "'transform.columns' has the shape"),
    "long columns": ({"transform_columns": u8(0b1101100)}, "unused bits at the end"),
    "filled": (
        {"transform_filled_bits": u8(0b10111000), "transform_counts": u8(1, 2, 1, 1)},
        "sums to 5, but .* 6 values",
    ),
    "empty filled": (
        {"transform_filled_bits": u8(0b10111000), "transform_counts": u8(1, 4, 1, 0)},
        "holds a zero for a row with values",
    ),
    "filled beyond": (
        {"transform_filled_bits": u8(0b10111010), "transform_counts": u8(1, 2, 1, 1)},
        "has bits set beyond the 6 objects",
    ),
    "filled runs": (
        {"transform_filled_runs": u8(0, 1, 1, 3), "transform_counts": u8(1, 2, 1, 1)},
        "'transform.filled.runs' sums to 5, but there are 6",
    ),
    "few counts": ({"transform_counts": u8(6)}, "'transform.counts' has the shape"),
    "nan": ({"transform_values": f32(1, 2, np.nan, 4, 5, 6)}, "NaN or infinity"),
    "zero": ({"transform_values": f32(1, 2, 0, 4, 5, 6)}, "holds a zero"),
    "inf": ({"anchors": np.full((K, D), np.inf, np.float32)}, "NaN or infinity"),
    "anchors flat": ({"anchors": f32(*range(6))}, "'anchors' has the shape"),
    "missing": ({"anchors": None}, "no tensor 'anchors'"),
    "extra": ({"extra": u8(1)}, "unexpected tensors: 'extra'"),
    "no lengths": ({"vocab_lengths": None}, "no tensor 'vocab.lengths'"),
    "no bytes": ({"vocab_bytes": None}, "no tensor 'vocab.bytes'"),
    "names": ({"vocab_lengths": u8(3, 2)}, "'vocab.lengths' has the shape"),
    "long names": ({"vocab_lengths": u8(3, 2, 2, 6, 1, 2)}, "'vocab.lengths' sums to"),
    "cut": ({"vocab_lengths": u8(3, 3, 1, 6, 1, 1)}, "ends inside a character"),
    "not utf-8": ({"vocab_bytes": u8(*[0xFF] * 15)}, "not UTF-8"),
}


@pytest.mark.parametrize(("tensors", "message"), BAD_TENSORS.values(), ids=BAD_TENSORS)
def test_tensors(path, tensors, message):
    rewrite(path, **tensors)
    with pytest.raises(ValueError, match=message):
        ant.compact.load(path)


def test_a_repeated_name_is_found_when_names_are_asked_for(path):
    rewrite(path, vocab_bytes=np.frombuffer("theofé日本aa".encode(), np.uint8))
    table = ant.compact.load(path)
    assert table.lookup(0).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="a name occurs twice"):
        table.ids("the")


@pytest.mark.parametrize(
    "metadata",
    [{}, {"format": "pt"}, {"ant_jax.compact": "{"}, {"ant_jax.compact": "3"}],
)
def test_other_safetensors_files(path, metadata):
    rewrite(path, metadata=metadata)
    with pytest.raises(ValueError, match=r"not written by|header"):
        ant.compact.load(path)


@pytest.mark.parametrize("content", [b"", b"abc", pickle.dumps([1, 2]), b"{}" * 40])
def test_files_that_are_not_safetensors(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        ant.compact.load(path)


def test_every_truncation_is_refused(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a complete safetensors file"):
            ant.compact.load(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        ant.compact.load(tmp_path / "nothing.safetensors")
    with pytest.raises(OSError, match=str(tmp_path)):
        ant.compact.load(tmp_path)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Files of three methods, the same without checksums, and where to damage them."""
    folder = tmp_path_factory.mktemp("fuzz")
    full = ant.FullEmbedding(V, D, param_dtype=jnp.bfloat16)
    ant.compact.save(folder / "ant", description(), parameters(), VOCAB)
    ant.compact.save(folder / "full", full, full.init(jax.random.key(0)), VOCAB)
    sparse = SparseParams(parameters().transform)
    ant.compact.save(folder / "sparse", SparseEmbedding(V, K), sparse, VOCAB)
    paths = [folder / name for name in ("ant", "full", "sparse")]
    whole = [path.read_bytes() for path in paths]
    for path in paths:
        rewrite(path)
    return whole, [path.read_bytes() for path in paths], folder / "damaged"


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_bytes_load_or_raise_value_error(shipped, data):
    _, unchecked, path = shipped
    damaged = bytearray(data.draw(st.sampled_from(unchecked), label="file"))
    for _ in range(data.draw(st.integers(1, 4), label="flips")):
        at = data.draw(st.integers(0, len(damaged) - 1), label="at")
        damaged[at] = data.draw(st.integers(0, 255), label="byte")
    end = data.draw(st.just(len(damaged)) | st.integers(0, len(damaged)), label="end")
    path.write_bytes(damaged[:end])
    try:
        table = ant.compact.load(path)
    except ValueError:
        return
    # Whatever loads works and is finite, but for sums that overflow.
    assert table.matrix().shape == (table.num_embeddings, table.features)
    assert table.vocab is None or len(table.vocab) == table.num_embeddings


@settings(max_examples=300)
@given(data=st.data())
def test_a_changed_bit_is_found_or_changes_nothing(shipped, data):
    whole, _, path = shipped
    content = data.draw(st.sampled_from(whole), label="file")
    path.write_bytes(content)
    before = ant.compact.load(path)
    damaged = bytearray(content)
    damaged[data.draw(st.integers(0, len(content) - 1), label="at")] ^= 1 << data.draw(
        st.integers(0, 7), label="bit"
    )
    path.write_bytes(damaged)
    try:
        table = ant.compact.load(path)
    except ValueError:
        return
    np.testing.assert_array_equal(table.matrix(), before.matrix())
    assert table.vocab == before.vocab


def test_a_changed_value_is_damage(path):
    content = bytearray(path.read_bytes())
    at = content.index(np.arange(1, 7, dtype=np.float32).tobytes())  # transform.values
    content[at + 1] ^= 1  # stays finite
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged: its checksum is .* copy it again"):
        ant.compact.load(path)


def test_a_file_without_a_checksum_loads(path):
    before = ant.compact.load(path)
    rewrite(path)
    table = ant.compact.load(path)
    np.testing.assert_array_equal(table.matrix(), before.matrix())
    assert table.vocab == tuple(VOCAB)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transform": jnp.ones((V, K + 1))}, r"transform has the shape \(6, 3\)"),
        ({"anchors": jnp.ones((K + 1, D))}, r"anchors has the shape \(3, 3\)"),
        ({"transform": jnp.full((V, K), jnp.nan)}, "transform holds NaN or infinity"),
        ({"anchors": jnp.full((K, D), jnp.inf)}, "anchors holds NaN or infinity"),
        ({"anchors": jnp.ones((K, D), jnp.bfloat16)}, "one dtype, got bfloat16 and"),
    ],
)
def test_parameters_that_cannot_be_saved(tmp_path, changes, message):
    params = parameters()._replace(**changes)
    with pytest.raises(ValueError, match=message):
        ant.compact.save(tmp_path / "table", description(), params)
    assert not list(tmp_path.iterdir())


def test_numbers_too_large_for_the_dtype_they_are_stored_in(tmp_path):
    emb = ant.AnchorEmbedding(V, D, K, dtype=jnp.float16)
    params = parameters()._replace(anchors=jnp.full((K, D), 1e6))
    with pytest.raises(ValueError, match="anchors holds NaN or infinity in float16"):
        ant.compact.save(tmp_path / "table", emb, params)


def test_parameters_of_the_wrong_kind(tmp_path):
    with pytest.raises(ValueError, match=r"must be what emb\.init returns"):
        ant.compact.save(tmp_path / "table", description(), {"anchors": jnp.ones(3)})
    with pytest.raises(ValueError, match="no codec for the method 'object'"):
        ant.compact.save(tmp_path / "table", object(), parameters())


@pytest.mark.parametrize(
    ("vocab", "message"),
    [
        (VOCAB[:5], "6 strings in the order of the ids, got 5"),
        ("sixsix", "got one string"),
        ([*VOCAB[:5], "the"], r"vocab\[5\] repeats vocab\[0\], 'the'"),
        ([*VOCAB[:5], "\ud800"], r"vocab\[5\] .* UTF-8 cannot encode"),
    ],
)
def test_vocabularies_that_cannot_be_saved(tmp_path, vocab, message):
    with pytest.raises(ValueError, match=message):
        ant.compact.save(tmp_path / "table", description(), parameters(), vocab)
    assert not list(tmp_path.iterdir())


def test_names_must_be_strings():
    with pytest.raises(ValueError, match=r"vocab\[1\] must be a string, got 3"):
        vocabulary.pack(["a", 3], 2)


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_file(path, monkeypatch, fails):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = path.read_bytes()
    monkeypatch.setattr(os, fails, full)
    with pytest.raises(OSError, match=r"No space left.*earlier file is untouched") as e:
        ant.compact.save(path, description(), parameters())
    assert e.value.errno == errno.ENOSPC
    assert str(path) in str(e.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_save_leaves_the_earlier_file(path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ant.compact.save(path, description(), parameters())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="Could not write the file"):
        ant.compact.save(tmp_path / "no" / "table", description(), parameters())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write")
def test_a_read_only_folder(path):
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(PermissionError, match="earlier file is untouched"):
            ant.compact.save(path, description(), parameters())
    finally:
        path.parent.chmod(stat.S_IRWXU)
    assert ant.compact.load(path).num_embeddings == V


def test_a_saved_file_has_the_permissions_of_any_other(path):
    other = path.with_name("other")
    other.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
