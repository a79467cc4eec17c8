"""How sharply a mean squared error bends with every parameter."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float, PRNGKeyArray

from ant_jax.training import mesh as mesh_lib

Outputs = Callable[[Any, Any], Float[Array, " batch"]]  # (params, batch) -> (B,)


def make_curvature(
    outputs: Outputs, batch_size: int, mesh: Mesh
) -> Callable[[Any, Any, PRNGKeyArray], Any]:
    """Compiles the diagonal of the Gauss-Newton matrix of a mean squared error.

    For outputs r and a parameter p it is `h = mean (dr/dp)^2` over the examples: to
    second order, a step x in p alone from a minimum raises the error by `h x^2` (h is
    half the diagonal of the Gauss-Newton matrix, since the 2 of the matrix and the 1/2
    of the Taylor series cancel). If the outputs are log-likelihoods, h is the diagonal
    of the empirical Fisher information.

    A batch takes one pass: the squared derivative of a sum of outputs with random signs
    has the sum of the squared derivatives as its mean (Hutchinson, 1990). For rows of a
    table that only one example of the batch reads it is exact.

    Args:
      outputs: function of params and a batch that returns the outputs whose squares are
        averaged, float (B,).
      batch_size: examples in a pass, rounded up to a multiple of the number of devices.
      mesh: see `data_mesh`.

    Returns:
      `curvature(params, data, key) -> h`, a pytree like `params`. `data` is a pytree of
      arrays with one leading axis, the examples; `key` is the PRNG key of the signs.

    Example:
      >>> from ant_jax.training import data_mesh
      >>> mesh = data_mesh(jax.devices()[:1])
      >>> curvature = make_curvature(lambda p, x: p[x["id"]] * x["scale"], 2, mesh)
      >>> data = {"id": jnp.array([0, 1]), "scale": jnp.array([1.0, 3.0])}
      >>> curvature(jnp.zeros(2), data, jax.random.key(0)).tolist()
      [0.5, 4.5]
    """
    batch_size = -(-batch_size // mesh.size) * mesh.size

    def curvature(params: Any, data: Any, key: PRNGKeyArray) -> Any:
        examples = len(jax.tree.leaves(data)[0])
        batches = -(-examples // batch_size)
        places = jnp.arange(batches * batch_size).reshape(batches, batch_size)

        def add(total: Any, part: tuple[Array, PRNGKeyArray]) -> tuple[Any, None]:
            place, key = part
            batch = jax.tree.map(lambda x: x.at[place].get(mode="clip"), data)
            batch = mesh_lib.shard_batch(batch, mesh)
            signs = jax.random.rademacher(key, place.shape, jnp.float32)
            signs = jnp.where(place < examples, signs, jnp.zeros_like(signs))

            def signed(params: Any) -> Array:
                return jnp.sum(signs * outputs(params, batch))

            slopes = jax.grad(signed)(params)
            return jax.tree.map(lambda h, g: h + jnp.square(g), total, slopes), None

        zeros = jax.tree.map(jnp.zeros_like, params)
        total, _ = lax.scan(add, zeros, (places, jax.random.split(key, batches)))
        return jax.tree.map(lambda h: h / examples, total)

    return jax.jit(curvature, out_shardings=mesh_lib.replicated(mesh))
