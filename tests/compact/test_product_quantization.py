"""Damaged files of product quantization."""

import jax
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import ant_jax as ant
from ant_jax.embeddings import ProductQuantizedEmbedding


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.safetensors"


@pytest.fixture(scope="module")
def whole(path):
    emb = ProductQuantizedEmbedding(21, 6, 3, 5)
    ant.compact.save(path, emb, emb.init(jax.random.key(0)))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("tensors", "header", "message"),
    [
        ({}, ('"num_codes"', '"codes"'), "expected num_groups and num_codes"),
        ({}, ('_groups":3', '_groups":4'), "num_groups is 4, which does not divide 6"),
        ({}, ('_groups":3', '_groups":2'), "'codebooks' has the shape"),
        ({}, ('_embeddings":21', '_embeddings":22'), "'codes' has the shape"),
        ({"codes": np.full(24, 255, np.uint8)}, ("", ""), "'codes' holds 7"),
        ({"codebooks": np.full((3, 5, 2), np.nan, np.float32)}, ("", ""), "holds NaN"),
    ],
)
def test_damaged_files(path, whole, tensors, header, message):
    path.write_bytes(whole)
    with safetensors.safe_open(path, framework="np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()["ant_jax.compact"].replace(*header)
    safetensors.numpy.save_file(found | tensors, path, {"ant_jax.compact": metadata})
    with pytest.raises(ValueError, match=message):
        ant.compact.load(path)


@given(data=st.data())
def test_damaged_bytes_load_or_raise_value_error(path, whole, data):
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4), label="flips")):
        at = data.draw(st.integers(0, len(damaged) - 1), label="at")
        damaged[at] = data.draw(st.integers(0, 255), label="byte")
    path.write_bytes(damaged)
    try:
        table = ant.compact.load(path)
    except ValueError:
        return
    assert table.matrix().shape == (table.num_embeddings, table.features)
