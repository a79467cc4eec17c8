"""Which objects are meant, told in few bytes."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from ant_jax.compact.codecs import masks
from ant_jax.compact.tensors import Tensors


class InMemory(Tensors):
    """Tensors that were never written."""

    def __init__(self, tensors):
        self._tensors = tensors

    def __contains__(self, name):
        return name in self._tensors

    def take(self, name, dtypes, *shape):
        array = self._tensors[name]
        assert array.dtype in dtypes
        return array


@given(mask=st.lists(st.booleans(), min_size=1, max_size=80))
@example([True])
@example([False])
@example([True] * 17)
@example([False, True] * 20)
def test_masks_survive(mask):
    tensors = masks.pack(np.array(mask), "kept")
    assert len(tensors) == 1
    assert masks.unpack(InMemory(tensors), "kept", len(mask)).tolist() == mask
