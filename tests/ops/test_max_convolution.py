"""`max_convolution` against loops, and against autodiff of `lax.conv`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from ant_jax.ops import max_convolution as module
from ant_jax.ops.max_convolution import max_convolution

# Filters fewer and more than the inputs, on which the order of the products depends.
SIZES = pytest.mark.parametrize(
    ("length", "inputs", "width", "filters"),
    [(7, 2, 3, 5), (7, 5, 3, 2), (4, 3, 4, 3), (6, 1, 1, 4)],
)


def draw(length, inputs, width, filters, batch=4, dtype=np.float64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, length, inputs))
    return x.astype(dtype), rng.normal(size=(width, inputs, filters)).astype(dtype)


def by_loops(x, kernel):
    width = len(kernel)
    places = range(x.shape[1] - width + 1)
    return np.array(
        [
            [np.sum(t[p : p + width, :, None] * kernel, (0, 1)) for p in places]
            for t in x
        ]
    ).max(1)


def by_conv(x, kernel):
    dimensions = ("NWC", "WIO", "NWC")
    y = lax.conv_general_dilated(x, kernel, (1,), "VALID", dimension_numbers=dimensions)
    return jnp.max(y, axis=1)


def gradients(function, x, kernel):
    def loss(x, kernel):
        return jnp.sum(jnp.sin(function(x, kernel)))

    return jax.jit(jax.grad(loss, (0, 1)))(x, kernel)


@jax.jit
def both_ways(x, kernel):
    """Gradients as a CPU computes them, and as any other device does."""
    y, residuals = module._forward(x, kernel)
    g = jnp.cos(y)
    return module._one_by_one(*residuals, g), module._at_once(*residuals, g)


@SIZES
def test_values_are_those_of_loops(length, inputs, width, filters):
    with jax.enable_x64(True):
        x, kernel = draw(length, inputs, width, filters)
        got = jax.jit(max_convolution)(x, kernel)
        np.testing.assert_allclose(got, by_loops(x, kernel), rtol=1e-12)


@SIZES
def test_gradients_are_those_of_autodiff(length, inputs, width, filters):
    with jax.enable_x64(True):
        x, kernel = map(jnp.asarray, draw(length, inputs, width, filters))
        want = gradients(by_conv, x, kernel)
        ways = both_ways(x, kernel)
        for got in (gradients(max_convolution, x, kernel), *ways):
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("way", [module._one_by_one, module._at_once])
def test_first_of_equal_places_has_the_derivative(way):
    x = jnp.array([[[2.0], [1.0], [2.0]]])
    largest, residuals = jax.jit(module._forward)(x, jnp.ones((1, 1, 1)))
    assert float(largest[0, 0]) == 2
    to_x, to_kernel = jax.jit(way)(*residuals, jnp.full((1, 1), 3.0))
    np.testing.assert_array_equal(to_x[0, :, 0], [3, 0, 0])
    np.testing.assert_array_equal(to_kernel, [[[6]]])


@pytest.mark.parametrize("inputs", [2, 4])
def test_a_repeated_text_has_the_gradients_of_autodiff(inputs):
    """Equal windows of the same words: every place is tied with another."""
    words, kernel = draw(3, inputs, 2, 3, batch=1, dtype=np.float32)
    ids = jnp.array([[0, 1, 2, 0, 1, 2, 0], [2, 2, 2, 2, 2, 2, 2]])

    def through(function):
        return lambda table, kernel: function(table[0][ids], kernel)

    got = gradients(through(max_convolution), jnp.asarray(words), jnp.asarray(kernel))
    want = gradients(through(by_conv), jnp.asarray(words), jnp.asarray(kernel))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_dtypes_are_kept(dtype):
    x, kernel = (jnp.asarray(a, dtype) for a in draw(7, 2, 3, 5))
    assert max_convolution(x, kernel).dtype == dtype
    for got, of in zip(gradients(max_convolution, x, kernel), (x, kernel), strict=True):
        assert (got.dtype, got.shape) == (dtype, of.shape)


def test_a_batch_on_eight_devices_is_the_batch_on_one():
    x, kernel = draw(7, 2, 3, 5, batch=16, dtype=np.float32)
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Auto,))
    cut = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    whole = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
    want = gradients(max_convolution, jnp.asarray(x), jnp.asarray(kernel))
    for a, b in zip(gradients(max_convolution, cut, whole), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_not_a_number_is_handed_on():
    x = jnp.full((1, 4, 2), jnp.nan)
    assert jnp.isnan(max_convolution(x, jnp.ones((2, 2, 3)))).all()
    assert jnp.isnan(gradients(max_convolution, x, jnp.ones((2, 2, 3)))[1]).all()


def test_a_short_text_is_refused():
    with pytest.raises(ValueError, match="2 rows has no window of 3"):
        max_convolution(jnp.zeros((1, 2, 4)), jnp.zeros((3, 4, 5)))
