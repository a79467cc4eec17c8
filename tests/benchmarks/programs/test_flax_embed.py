"""The compiled Flax program against Flax's own training loop."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from jax import lax

from benchmarks.batches import draw_batches
from benchmarks.programs import flax_embed
from benchmarks.programs.jax_steps import to_examples
from benchmarks.workload import Workload

WORKLOAD = Workload(8, None, num_users=20, num_items=15, features=4, decay_steps=5)


@pytest.fixture(autouse=True)
def promotion():
    # optax's Yogi multiplies integers by floats.
    with jax.numpy_dtype_promotion("standard"):
        yield


def test_equals_the_loop_of_the_manual():
    examples = to_examples(draw_batches(WORKLOAD, 12, turn=0))
    state, step = flax_embed.make_training(WORKLOAD)
    (params, _), losses = lax.scan(step, state, examples)

    model = flax_embed.MatrixFactorization(20, 15, 4, rngs=nnx.Rngs(WORKLOAD.seed))
    rate = optax.exponential_decay(0.01, 5, 0.5, staircase=True)
    optimizer = nnx.Optimizer(model, optax.yogi(rate), wrt=nnx.Param)
    users, items = (np.asarray(e.embedding[...]) for e in (model.users, model.items))
    for count in range(12):
        batch = jax.tree.map(lambda column, count=count: column[count], examples)

        def loss_fn(model, batch=batch):
            return ((model(batch.users, batch.items) - batch.ratings) ** 2).mean()

        loss, gradients = nnx.value_and_grad(loss_fn)(model)
        optimizer.update(model, gradients)
        np.testing.assert_allclose(losses[count], loss, rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        params,
        nnx.state(model, nnx.Param),
    )
    first = jax.tree.map(lambda column: np.asarray(column[0]), examples)
    errors = (users[first.users] * items[first.items]).sum(1) - first.ratings
    np.testing.assert_allclose(losses[0], np.mean(errors**2), rtol=1e-5)
