"""Starting values: their moments and their sign."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.embeddings import half_normal


@pytest.mark.parametrize(("stddev", "expected"), [(None, (2 / 500) ** 0.5), (3.0, 3.0)])
def test_half_normal_has_the_moments_of_a_folded_normal(stddev, expected):
    draw = half_normal(stddev)(jax.random.key(0), (500, 200), jnp.float32)
    assert (draw >= 0).all()
    np.testing.assert_allclose(jnp.mean(draw), expected * (2 / np.pi) ** 0.5, rtol=0.02)
    np.testing.assert_allclose(
        jnp.std(draw), expected * (1 - 2 / np.pi) ** 0.5, rtol=0.02
    )


def test_half_normal_keeps_the_dtype_asked_for():
    draw = half_normal()(jax.random.key(0), (3, 2), jnp.bfloat16)
    assert draw.dtype == jnp.bfloat16
    assert half_normal()(jax.random.key(0), (3, 2)).dtype == jnp.float32
