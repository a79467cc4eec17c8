"""Products of many short rows, at full speed on a CPU."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

# For fewer rows or longer sums XLA's library is faster.
_MANY_ROWS = 256
_MOST_TERMS = 32


def project_rows(
    table: Float[Array, "vocab inner"],
    ids: Int[Array, " batch"],
    small: Float[Array, "inner columns"],
) -> Float[Array, "batch columns"]:
    """`table[ids] @ small`, in the order that is cheaper for these shapes.

    A table that is no longer than the batch, as `ant_jax.LazyRows` pulls it, is
    multiplied before its rows are taken. On a CPU that product is a sum of a few terms,
    which the compiler vectorizes; XLA's library takes several times as long unless the
    shapes are multiples of its tiles. This case has no forward-mode derivative.

    Args:
      table: float (V, k).
      ids: int (n,), each in [0, V).
      small: float (k, m), with a few dozen rows and columns.

    Returns:
      float (n, m).

    Example:
      >>> table, small = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[1.0], [10.0]])
      >>> project_rows(table, jnp.array([1, 1]), small).tolist()
      [[43.0], [43.0]]
    """
    count = ids.shape[0]
    if count < _MANY_ROWS or table.shape[0] > count or len(small) > _MOST_TERMS:
        return table[ids] @ small
    return _multiply(table, small)[ids]


def inner_products(
    x: Float[Array, "batch columns"], y: Float[Array, "batch columns"]
) -> Float[Array, " batch"]:
    """Inner products of the rows of two matrices, `sum(x * y, axis=-1)`.

    On a CPU, XLA sums many short rows more slowly than it multiplies them by a vector
    of ones.

    Args:
      x: float (n, m).
      y: float (n, m).

    Returns:
      float (n,).

    Example:
      >>> inner_products(jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 4.0]])).tolist()
      [11.0]
    """
    products = x * y
    if len(x) < _MANY_ROWS:
        return jnp.sum(products, axis=-1)
    return products @ jnp.ones(x.shape[1], x.dtype)


@jax.custom_vjp
def _multiply(x: Array, small: Array) -> Array:
    return lax.platform_dependent(x, small, cpu=_sum, default=jnp.matmul)


def _sum(x: Array, small: Array) -> Array:
    total = x[:, :1] * small[:1]
    for k in range(1, len(small)):
        total = total + x[:, k : k + 1] * small[k : k + 1]
    return total


def _forward(x: Array, small: Array) -> tuple[Array, tuple[Array, Array]]:
    return _multiply(x, small), (x, small)


def _backward(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, small = saved
    # Transposed by a product: XLA would repeat a transpose for every entry of the sum.
    identity = jnp.eye(small.shape[1], dtype=small.dtype)
    transposed = lax.dot_general(identity, small, (((0,), (1,)), ((), ())))
    return _multiply(g, transposed), x.T @ g


_multiply.defvjp(_forward, _backward)
