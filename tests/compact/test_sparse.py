"""Tables in compressed rows: to the bit, by the layout, and damaged."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import SlimmingEmbedding, SparseEmbedding, SparseParams

FLOATS = {
    "float16": jnp.float16,
    "bfloat16": jnp.bfloat16,
    "float32": jnp.float32,
}
SMALL = [0.0, -0.0, 1e-45, -1e-45, 1e-39, -1.2e-38, 6e-8, -3e-5, 1e-30]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.safetensors"


def assert_same_bits(found: np.ndarray, expected: jax.Array) -> None:
    assert found.shape == expected.shape
    if expected.dtype == jnp.bfloat16:
        expected = expected.astype(jnp.float32)
    assert found.dtype == expected.dtype
    assert found.tobytes() == np.asarray(expected).tobytes()


@settings(max_examples=10)
@given(
    features=st.integers(1, 300),
    vocab=st.integers(1, 300),
    n=st.integers(0, 300),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    param_dtype=st.sampled_from(list(FLOATS)),
    dtype=st.sampled_from([None, *FLOATS]),
    kind=st.sampled_from([SparseEmbedding, SlimmingEmbedding]),
    seed=st.integers(0, 2**31),
)
@example(300, 40, 300, 0.5, "float32", None, SparseEmbedding, 0)
@example(16, 300, 200, 0.5, "float32", "bfloat16", SlimmingEmbedding, 1)
@example(16, 300, 200, 0.5, "bfloat16", "float16", SparseEmbedding, 2)
@example(16, 300, 200, 0.5, "float32", "float16", SparseEmbedding, 4)
@example(1, 1, 0, 1.0, "float32", None, SparseEmbedding, 3)
def test_lookup_equals_the_trained_embedding(
    path, lookup, features, vocab, n, density, param_dtype, dtype, kind, seed
):
    rng = np.random.default_rng(seed)
    emb = kind(vocab, features, dtype and FLOATS[dtype], FLOATS[param_dtype])
    table = rng.normal(size=(vocab, features)) * (rng.random((vocab, features)) < 0.5)
    # Negative zeros, and numbers that XLA may flush to zero.
    odd = rng.random(table.shape) >= density
    table = np.where(odd, rng.choice(SMALL, table.shape), table).astype(np.float32)
    params = SparseParams(jnp.asarray(table.astype(emb.param_dtype)))
    saved = ant.compact.save(path, emb, params)
    shipped = ant.compact.load(path)
    assert shipped.method == emb.method
    assert shipped.num_params == saved.num_params <= emb.num_params(params)
    ids = rng.integers(0, vocab, n)
    assert_same_bits(shipped.lookup(ids), lookup(emb, params, ids))
    assert np.array_equal(shipped.matrix()[ids], shipped.lookup(ids))


def test_rows_are_looked_up_in_blocks_alike(path, monkeypatch):
    table = np.arange(60.0, dtype=np.float32).reshape(20, 3) % 4
    ant.compact.save(path, SparseEmbedding(20, 3), SparseParams(jnp.asarray(table)))
    monkeypatch.setattr("ant_jax.compact.codecs.sparse._BLOCK", 7)
    assert np.array_equal(ant.compact.load(path).matrix(), table)


def save_small(path, kind=SparseEmbedding):
    table = jnp.array([[0.0, -2.0, 0.0], [0.0, -0.0, 0.0], [3.0, 0.0, 4.0]])
    return ant.compact.save(path, kind(3, 3), SparseParams(table), ["a", "b", "c"])


@pytest.mark.parametrize("kind", [SparseEmbedding, SlimmingEmbedding])
def test_layout_of_a_file(path, kind):
    sizes = save_small(path, kind)
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["ant_jax.compact"])
    assert header["method"] == kind.method
    assert header["options"] == {}
    assert found["embedding.values"].tolist() == [-2, 3, 4]
    assert found["embedding.columns"].tolist() == [0b10_00_01]
    assert found["embedding.counts"].tolist() == [1, 0, 2]
    assert sizes.num_params == 3
    assert sizes.parts["embedding.values"] == 12
    assert sizes.dense == 36
    assert ant.compact.load(path).sizes == sizes


BAD_TENSORS = {
    "column": ("embedding.columns", [0b11_00_01], "holds 3, expected less than 3"),
    "unsorted": ("embedding.columns", [0b00_10_01], "not ascend within row 2"),
    "counts": ("embedding.counts", [1, 1, 2], "'embedding.counts' sums to 4"),
    "zero": ("embedding.values", [-2, 0, 4], "'embedding.values' holds a zero"),
    "nan": ("embedding.values", [-2, np.nan, 4], "holds NaN or infinity"),
    "missing": ("embedding.values", None, "no tensor 'embedding.values'"),
}


@pytest.mark.parametrize(
    ("name", "numbers", "message"), BAD_TENSORS.values(), ids=BAD_TENSORS
)
def test_damaged_tensors(path, name, numbers, message):
    save_small(path)
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    dtype = found.pop(name).dtype
    if numbers is not None:
        found[name] = np.array(numbers, dtype)
    safetensors.numpy.save_file(found, path, metadata)
    with pytest.raises(ValueError, match=message):
        ant.compact.load(path)


def test_tables_that_cannot_be_saved(path):
    with pytest.raises(ValueError, match=r"embedding has the shape \(3, 2\)"):
        ant.compact.save(path, SparseEmbedding(3, 3), SparseParams(jnp.ones((3, 2))))
    broken = SparseParams(jnp.full((3, 3), jnp.nan))
    with pytest.raises(ValueError, match="embedding holds NaN or infinity"):
        ant.compact.save(path, SparseEmbedding(3, 3), broken)
