"""What a shipped table reports, finds and refuses."""

import json
import struct
import subprocess
import sys
import textwrap
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors

import ant_jax as ant

V, D, K = 6, 3, 2
VOCAB = ["the", "", "é", "日本", "a\nb", "z" * 300]


@pytest.fixture
def emb() -> ant.AnchorEmbedding:
    return ant.AnchorEmbedding(V, D, K)


@pytest.fixture
def params() -> ant.AnchorParams:
    return ant.AnchorParams(
        anchors=jnp.arange(1.0, 7).reshape(K, D),
        transform=jnp.array([[1.0, 0], [0, 0], [2, 3], [0, 4], [5, 0], [0, 6]]),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.safetensors"


def test_layout_of_a_file(path, emb, params):
    ant.compact.save(path, emb, params, VOCAB)
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = file.metadata()["ant_jax.compact"]
    header = json.loads(text)
    checksum = header.pop("crc32")
    summed = text.replace(f',"crc32":"{checksum}"', "").encode()
    for name in sorted(found):
        crc = zlib.crc32(found[name].tobytes())
        summed += name.encode() + struct.pack("<I", crc)
    assert checksum == f"{zlib.crc32(summed):08x}"
    assert header == {
        "format": "ant_jax.compact",
        "version": 2,
        "method": "ant",
        "num_embeddings": V,
        "features": D,
        "dtype": "float32",
        "stored_dtype": "float32",
        "options": {"num_anchors": K},
    }
    assert found.pop("anchors").tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.pop("transform.values").tolist() == [1, 2, 3, 4, 5, 6]
    # 0, 0, 1, 1, 0, 1, a bit each, the lowest first.
    assert found["transform.columns"].dtype == np.uint8
    assert found.pop("transform.columns").tolist() == [0b101100]
    assert found["transform.counts"].dtype == np.uint8
    assert found.pop("transform.counts").tolist() == [1, 0, 2, 1, 1, 1]
    assert found.pop("vocab.bytes").tobytes().decode() == "".join(VOCAB)
    assert found["vocab.lengths"].dtype == np.uint16
    assert found.pop("vocab.lengths").tolist() == [3, 0, 2, 6, 3, 300]
    assert not found


@pytest.mark.parametrize(
    ("num_anchors", "columns", "counts"),
    [
        (256, ("transform.indices", 512), np.uint16),
        (257, ("transform.columns", 2 * 257 * 9 // 8 + 1), np.uint16),
        (255, ("transform.indices", 510), np.uint8),
        (128, ("transform.columns", 2 * 128 * 7 // 8), np.uint8),
    ],
)
def test_integers_are_as_narrow_as_they_can_be(path, num_anchors, columns, counts):
    emb = ant.AnchorEmbedding(2, 1, num_anchors)
    params = ant.AnchorParams(jnp.ones((num_anchors, 1)), jnp.ones((2, num_anchors)))
    ant.compact.save(path, emb, params)
    with safetensors.safe_open(path, framework="np") as file:
        found = file.get_tensor(columns[0])
        assert found.dtype == np.uint8
        assert found.size == columns[1]
        assert file.get_tensor("transform.counts").dtype == counts
    assert (ant.compact.load(path).matrix() == num_anchors).all()


@pytest.mark.parametrize(
    ("filled", "mask"), [(range(5, 40), "runs"), (range(0, 999, 3), "bits")]
)
def test_rows_without_values_are_left_out(path, filled, mask):
    transform = np.zeros((1000, K), np.float32)
    transform[list(filled), 1] = 7
    emb = ant.AnchorEmbedding(1000, 1, K)
    params = ant.AnchorParams(jnp.ones((K, 1)), jnp.asarray(transform))
    sizes = ant.compact.save(path, emb, params)
    assert sizes.parts["transform.counts"] == len(filled)
    # The runs are of 5, 35 and 960 rows, the last of which takes two bytes.
    assert sizes.parts[f"transform.filled.{mask}"] == {"runs": 6, "bits": 125}[mask]
    assert (ant.compact.load(path).matrix() == transform[:, 1:]).all()


def test_rows_are_compressed_in_chunks_alike(path, emb, params, monkeypatch):
    ant.compact.save(path, emb, params)
    whole = path.read_bytes()
    monkeypatch.setattr("ant_jax.compact.codecs.compressed._CHUNK", 4)
    ant.compact.save(path, emb, params)
    assert path.read_bytes() == whole


def test_equal_tables_are_equal_files(path, emb, params):
    ant.compact.save(path, emb, params, VOCAB)
    first = path.read_bytes()
    ant.compact.save(path, emb, params, VOCAB)
    assert path.read_bytes() == first


def test_sizes_add_up_to_the_file(path, emb, params):
    saved = ant.compact.save(path, emb, params, VOCAB)
    table = ant.compact.load(path)
    assert saved == table.sizes
    assert table.nbytes == saved.total == path.stat().st_size
    parts = dict(saved.parts)
    assert parts.pop("header") > 0
    assert parts == {
        "anchors": K * D * 4,
        "transform.values": 6 * 4,
        "transform.columns": 1,
        "transform.counts": V,
        "vocab.bytes": len("".join(VOCAB).encode()),
        "vocab.lengths": 2 * V,
    }
    assert saved.dense == V * D * 4
    assert saved.num_params == table.num_params == emb.num_params(params) == K * D + 6
    assert saved.compression == saved.dense / saved.total
    assert f"{saved.total:,}" in str(saved)
    assert "transform.columns" in str(saved)
    assert str(table.nbytes) in repr(table)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_numbers_are_stored_no_wider_than_they_are_read(path, params, dtype):
    emb = ant.AnchorEmbedding(V, D, K, dtype=dtype)
    sizes = ant.compact.save(path, emb, params)
    assert sizes.parts["transform.values"] == 6 * 2
    assert sizes.dense == V * D * 2
    narrow = jax.tree.map(lambda p: p.astype(dtype), params)
    sizes = ant.compact.save(path, ant.AnchorEmbedding(V, D, K, jnp.float32), narrow)
    assert sizes.parts["transform.values"] == 6 * 2
    assert sizes.dense == V * D * 4


def test_full_table(path):
    emb = ant.FullEmbedding(V, D)
    params = emb.init(jax.random.key(0))
    sizes = ant.compact.save(path, emb, params, VOCAB)
    assert sizes.num_params == V * D
    assert sizes.parts["embedding"] == sizes.dense == V * D * 4
    table = ant.compact.load(path)
    assert table.method == "full"
    assert table.vocab == tuple(VOCAB)
    assert np.array_equal(table.matrix(), params.embedding)


def test_a_transform_of_zeros(path, emb, params):
    params = params._replace(transform=jnp.zeros((V, K)))
    ant.compact.save(path, emb, params)
    table = ant.compact.load(path)
    assert table.num_params == K * D
    assert not table.lookup([0, 5]).any()


def test_names_and_ids(path, emb, params):
    ant.compact.save(path, emb, params, VOCAB)
    table = ant.compact.load(path)
    assert table.vocab == tuple(VOCAB)
    assert table.ids("日本") == 3
    assert table.ids(["z" * 300, "", "the"]).tolist() == [5, 1, 0]
    assert table.lookup(table.ids("é")).tolist() == [14, 19, 24]
    assert table.ids([]).shape == (0,)
    with pytest.raises(KeyError, match="'nowhere' is not in the vocabulary"):
        table.ids(["the", "nowhere"])


def test_a_table_without_names(path, emb, params):
    ant.compact.save(path, emb, params)
    table = ant.compact.load(path)
    assert table.vocab is None
    with pytest.raises(ValueError, match="without a vocabulary"):
        table.ids("the")


@pytest.mark.parametrize("ids", [[0, 9, -1], np.array([[1], [9]], np.uint64), 9])
def test_ids_outside_the_vocabulary_are_refused(path, emb, params, ids):
    ant.compact.save(path, emb, params)
    with pytest.raises(IndexError, match=r"id 9 is outside \[0, 6\)"):
        ant.compact.load(path).lookup(ids)


def test_negative_ids_are_refused(path, emb, params):
    ant.compact.save(path, emb, params)
    with pytest.raises(IndexError, match="id -1 is outside"):
        ant.compact.load(path).lookup(np.array([0, -1], np.int8))


@pytest.mark.parametrize("ids", [1.0, [True], ["a"], [], [None], 2**70])
def test_ids_that_are_not_integers_are_refused(path, emb, params, ids):
    ant.compact.save(path, emb, params)
    with pytest.raises(ValueError, match="ids must be integers"):
        ant.compact.load(path).lookup(ids)


def test_what_lookup_returns_is_the_callers(path):
    """Writing to a result must not change the table."""
    emb = ant.FullEmbedding(V, D)
    ant.compact.save(path, emb, emb.init(jax.random.key(0)))
    table = ant.compact.load(path)
    before = table.matrix().copy()
    table.matrix()[:] = 0
    table.lookup(np.arange(V))[:] = 0
    assert np.array_equal(table.matrix(), before)


def test_reading_needs_numpy_and_safetensors_only(path, emb, params):
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    ant.compact.save(path, emb, params, VOCAB)
    ids = np.array([[2, 0], [5, 3]])
    expected = np.asarray(emb.lookup(params, ids).astype(jnp.float32))
    program = textwrap.dedent(
        """
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] not in sys.argv[2].split(","):
                    return None
                raise ImportError(f"{name} was imported")

        sys.meta_path.insert(0, Refuse())
        from ant_jax import compact

        table = compact.load(sys.argv[1])
        assert table.vocab[3] == "\\u65e5\\u672c"
        print(table.lookup([[2, 0], [5, 3]]).tolist())
        """
    )
    missing = "jax,jaxlib,flax,optax,chex,ml_dtypes,jaxtyping,orbax,tensorflow,torch"
    command = [sys.executable, "-W", "error", "-c", program, str(path), missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(expected.tolist())


def test_header_of_safetensors_is_read_as_documented(path, emb, params):
    """The file is what any other safetensors reader takes it for."""
    ant.compact.save(path, emb, params)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert header["anchors"]["dtype"] == "F32"
    assert header["anchors"]["shape"] == [K, D]


def test_the_factors_of_a_table_of_anchors(path, emb, params):
    ant.compact.save(path, emb, params)
    transform, anchors = ant.compact.load(path).factors()
    np.testing.assert_array_equal(transform, params.transform)
    np.testing.assert_array_equal(anchors, params.anchors)


def test_other_tables_have_no_factors(path):
    full = ant.FullEmbedding(2, features=1)
    ant.compact.save(path, full, ant.FullParams(np.ones((2, 1), np.float32)))
    with pytest.raises(ValueError, match="method 'full' has no anchors"):
        ant.compact.load(path).factors()
