"""The maximum of a convolution over a text, with fast gradients."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ant_jax.dtypes import accumulator

Residuals = tuple[Array, Array, Array]  # x, kernel, places


@jax.custom_vjp
def max_convolution(
    x: Float[Array, "batch length inputs"],
    kernel: Float[Array, "width inputs filters"],
) -> Float[Array, "batch filters"]:
    """The largest value of every filter over all places of a text.

    With `y[b, p, f] = sum_i x[b, p + i] · kernel[i, :, f]`, for windows that begin at
    the places p = 0 .. L - w, it is `max_p y[b, p, f]`; a bias of the filters can be
    added to the result. Only B F of the B (L - w + 1) F values have a derivative.
    Autodiff multiplies all of them, most of which are zero; this function adds up B F
    windows of x and B F columns of the kernel, so that the backward pass takes a
    small fraction of the time of the forward pass.

    If several places attain the maximum, the first gets the whole derivative, where
    autodiff of `jnp.max` divides it. For windows of equal words that gives the same
    gradient of their vectors and of the kernel. There are derivatives of first order
    only, in reverse mode.

    Args:
      x: texts, float (B, L, d), L >= w.
      kernel: kernel of a convolution, float (w, d, F), of the dtype of x.

    Returns:
      The largest values, float (B, F).

    Raises:
      ValueError: the texts are shorter than the kernel.

    Example:
      >>> import jax.numpy as jnp
      >>> x = jnp.array([[[1.0], [-2.0], [4.0], [3.0]]])
      >>> max_convolution(x, jnp.array([[[1.0]], [[10.0]]])).tolist()
      [[38.0]]
    """
    return _forward(x, kernel)[0]


def _forward(x: Array, kernel: Array) -> tuple[Array, Residuals]:
    width, length = kernel.shape[0], x.shape[1]
    if length < width:
        raise ValueError(
            f"A text of {length} rows has no window of {width}: make the texts longer "
            "or the kernel shorter."
        )
    y = _convolve(x, kernel)
    largest = jnp.max(y, axis=1)
    # Two plain reductions, which XLA vectorizes on a CPU, unlike its argmax.
    index = lax.broadcasted_iota(jnp.int32, y.shape, 1)
    here = jnp.where(y == largest[:, None], index, y.shape[1] - 1)
    return largest, (x, kernel, jnp.min(here, axis=1))


def _convolve(x: Array, kernel: Array) -> Float[Array, "batch places filters"]:
    """Products and shifts, in the order that copies less.

    `lax.conv` is equivalent, but inside a loop, such as an epoch, XLA runs it 10 to 20
    times slower on a CPU.
    """
    width, inputs, filters = kernel.shape
    places = x.shape[1] - width + 1
    if inputs < filters:
        windows = [x[:, i : i + places] for i in range(width)]
        return jnp.concatenate(windows, axis=-1) @ kernel.reshape(-1, filters)
    shifted = [(x @ kernel[i])[:, i : i + places] for i in range(width)]
    return sum(shifted[1:], start=shifted[0])


def _backward(residuals: Residuals, g: Array) -> tuple[Array, Array]:
    gradients: tuple[Array, Array] = lax.platform_dependent(
        *residuals, g, cpu=_one_by_one, default=_at_once
    )
    return gradients


def _one_by_one(
    x: Array, kernel: Array, places: Int[Array, "batch filters"], g: Array
) -> tuple[Array, Array]:
    """Adds one window after the other, each contiguous in memory."""
    batch, length, inputs = x.shape
    width, _, filters = kernel.shape
    span = width * inputs
    columns = kernel.reshape(span, filters).T
    texts = jnp.arange(batch, dtype=jnp.int32)[:, None] * length
    in_x = ((texts + places) * inputs).ravel()
    in_kernel = jnp.tile(jnp.arange(filters, dtype=jnp.int32) * span, batch)
    scales = g.ravel()
    to_x = _add_spans(columns.ravel(), in_kernel, scales, in_x, x.size, span)
    to_columns = _add_spans(x.ravel(), in_x, scales, in_kernel, columns.size, span)
    to_kernel = to_columns.reshape(columns.shape).T
    return to_x.reshape(x.shape), to_kernel.reshape(kernel.shape)


def _add_spans(
    source: Float[Array, " n"],
    starts: Int[Array, " spans"],
    scales: Float[Array, " spans"],
    targets: Int[Array, " spans"],
    size: int,
    span: int,
) -> Float[Array, " size"]:
    """Adds scaled spans of one array onto spans of a new one."""
    dtype = accumulator(source.dtype)

    def add(i: Array, total: Array) -> Array:
        piece = lax.dynamic_slice(source, (starts[i],), (span,)).astype(dtype)
        before = lax.dynamic_slice(total, (targets[i],), (span,))
        after = before + scales[i].astype(dtype) * piece
        return lax.dynamic_update_slice(total, after, (targets[i],))

    total = lax.fori_loop(0, len(starts), add, jnp.zeros(size, dtype))
    return total.astype(source.dtype)


def _at_once(
    x: Array, kernel: Array, places: Int[Array, "batch filters"], g: Array
) -> tuple[Array, Array]:
    """The same for devices on which loops are slow and memory is fast."""
    dtype = accumulator(x.dtype)
    steps = jnp.arange(kernel.shape[0], dtype=jnp.int32)
    rows = places[..., None] + steps[None, None]
    windows = jax.vmap(lambda text, at: text[at])(x, rows)
    to_kernel = jnp.einsum("bf,bfid->idf", g, windows, preferred_element_type=dtype)
    columns = jnp.transpose(kernel, (2, 0, 1)).astype(dtype)
    spans = g[..., None, None].astype(dtype) * columns[None]
    to_x = jax.vmap(lambda total, at, span: total.at[at].add(span))(
        jnp.zeros(x.shape, dtype), rows, spans
    )
    return to_x.astype(x.dtype), to_kernel.astype(kernel.dtype)


max_convolution.defvjp(_forward, _backward)
