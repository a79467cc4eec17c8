"""Where ids lie in a vocabulary, against Python's own indexing."""

import functools

import jax
import numpy as np
import pytest

from ant_jax.ops import ids as ids_


@functools.partial(jax.jit, static_argnums=1)
def locate(ids, size):
    return ids_.locate(ids, size)


@pytest.mark.parametrize("size", [100, 300, 2**31 - 1])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32])
def test_every_type_of_id(dtype, size):
    limits = np.iinfo(dtype)
    edges = (0, 99, 100, 101, 127, 128, 255, 299, 300, size - 1, size)
    values = {limits.min, limits.max, *edges, *(-edge for edge in edges), -size - 1}
    ids = sorted(value for value in values if limits.min <= value <= limits.max)
    objects, inside = map(np.asarray, locate(np.array(ids, dtype), size))
    assert objects.dtype == np.int32
    vocabulary = range(size)
    for value, found, is_inside in zip(ids, objects, inside, strict=True):
        try:
            expected = vocabulary[value]
        except IndexError:
            assert not is_inside
            assert found == 0
        else:
            assert is_inside
            assert found == expected


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_wide_ids(dtype):
    ids = [3, 299, 300, 2**32 + 3, 2**63 - 1]
    expected = [3, 299, None, None, None]
    if dtype is np.int64:
        ids += [-1, -300, -301, -(2**32), -(2**63)]
        expected += [299, 0, None, None, None]
    with jax.enable_x64(True):
        objects, inside = map(np.asarray, locate(np.array(ids, dtype), 300))
    found = [int(v) if i else None for v, i in zip(objects, inside, strict=True)]
    assert found == expected
