"""Flax as its users have it: `nnx.Embed` tables and `optax.yogi`, compiled."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import lax
from jaxtyping import Array

from benchmarks.programs.jax_steps import time_scan
from benchmarks.workload import Workload
from experiments.recommendation.input_pipeline import Examples


class MatrixFactorization(nnx.Module):
    """A rating is the product of two embeddings plus one global bias."""

    def __init__(
        self, num_users: int, num_items: int, features: int, *, rngs: nnx.Rngs
    ) -> None:
        """Draws two full tables."""
        self.users = nnx.Embed(num_users, features, rngs=rngs)
        self.items = nnx.Embed(num_items, features, rngs=rngs)
        self.bias = nnx.Param(jnp.zeros(()))

    def __call__(self, users: Array, items: Array) -> Array:
        """Predicts the ratings of pairs, `(n,), (n,) -> (n,)`."""
        product = self.users(users) * self.items(items)
        return jnp.sum(product, axis=-1) + self.bias[...]


def make_training(workload: Workload) -> tuple[Any, Any]:
    """A step over the split model, which costs less than one that Flax splits.

    Returns:
      The state, parameters and the optimizer's, and `step(state, batch)`, which returns
      the next one and the loss.
    """
    rngs = nnx.Rngs(workload.seed)
    sizes = workload.num_users, workload.num_items, workload.features
    graph, params = nnx.split(MatrixFactorization(*sizes, rngs=rngs))
    rate = optax.exponential_decay(
        workload.learning_rate, workload.decay_steps, 0.5, staircase=True
    )
    tx = optax.yogi(rate)

    def loss_fn(params: Any, batch: Examples) -> Array:
        model = nnx.merge(graph, params)
        return jnp.mean((model(batch.users, batch.items) - batch.ratings) ** 2)

    def step(state: tuple[Any, Any], batch: Examples) -> tuple[tuple[Any, Any], Array]:
        params, opt_state = state
        loss, gradients = jax.value_and_grad(loss_fn)(params, batch)
        updates, opt_state = tx.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    return (params, tx.init(params)), step


def steps(workload: Workload) -> tuple[dict[str, Any], Iterator[float]]:
    """Trains in turns; see `benchmarks.turns`."""
    state, step = make_training(workload)

    @jax.jit(donate_argnums=0)
    def run(state: Any, examples: Examples) -> Any:
        return lax.scan(step, state, examples)[0]

    return time_scan(workload, run, state)
