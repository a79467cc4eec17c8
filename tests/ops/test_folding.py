"""Kernels on the anchors against products written out."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ant_jax.ops.folding import fold_kernel

sizes = st.integers(1, 5)


@given(
    shape=st.lists(st.integers(1, 3), max_size=2),
    features=sizes,
    outputs=sizes,
    anchors=sizes,
    seed=st.integers(0, 1000),
)
def test_against_sums_written_out(shape, features, outputs, anchors, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(*shape, features, outputs)).astype(np.float32)
    basis = rng.normal(size=(anchors, features)).astype(np.float32)
    expected = np.zeros((*shape, anchors, outputs))
    for index in np.ndindex(expected.shape):
        *place, k, f = index
        column = kernel[(*place, slice(None), f)]
        expected[index] = sum(
            float(a) * float(w) for a, w in zip(basis[k], column, strict=True)
        )
    got = fold_kernel(jnp.asarray(kernel), jnp.asarray(basis))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_outputs_and_gradients_are_those_of_the_long_way():
    keys = jax.random.split(jax.random.key(0), 4)
    with jax.enable_x64(True):
        draw = jax.random.normal
        kernel = draw(keys[0], (3, 8, 5), jnp.float64)
        basis = draw(keys[1], (4, 8), jnp.float64)
        rows = draw(keys[2], (6, 3, 4), jnp.float64)
        weights = draw(keys[3], (6, 5), jnp.float64)

        def long(rows, basis, kernel):
            return jnp.einsum("nwk,kd,wdf->nf", rows, basis, kernel)

        def folded(rows, basis, kernel):
            return jnp.einsum("nwk,wkf->nf", rows, fold_kernel(kernel, basis))

        def both(function):
            def loss(*arguments):
                return jnp.sum(weights * jnp.tanh(function(*arguments)))

            return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))(rows, basis, kernel)

        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12),
            both(long),
            both(folded),
        )


def test_half_precision_stays_half():
    kernel, basis = jnp.ones((2, 3), jnp.bfloat16), jnp.ones((4, 2), jnp.bfloat16)
    assert fold_kernel(kernel, basis).dtype == jnp.bfloat16
