"""Lazy rows and the dense optimizer train the same model to the same parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ant_jax import training
from benchmarks.batches import draw_batches
from benchmarks.programs import ours
from benchmarks.programs.jax_steps import to_examples
from benchmarks.workload import Workload

WORKLOADS = [
    Workload(8, (3, 2), num_users=40, num_items=30, features=4, decay_steps=10),
    Workload(8, None, num_users=40, num_items=30, features=4, decay_steps=10),
]


@pytest.fixture
def mesh(monkeypatch):
    # Tabulating what idle steps do takes longer than all else.
    monkeypatch.setattr(ours, "_MOST_STEPS", 100)
    return training.data_mesh(jax.local_devices()[:1])


def vectors(embedding):
    """The whole table of embeddings, by NumPy."""
    parts = [np.asarray(part) for part in embedding]
    return parts[0] if len(parts) == 1 else parts[1] @ parts[0]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_lazy_equals_dense_and_starts_at_the_closed_form(workload, mesh):
    examples = to_examples(draw_batches(workload, 40, turn=0))
    params = jax.jit(ours.make_model(workload).init)(jax.random.key(0))
    ends = []
    for lazy in (True, False):
        trainer = ours.make_trainer(workload, mesh, lazy=lazy)
        scan = jax.jit(lambda state, step=trainer.step: lax.scan(step, state, examples))
        state, report = scan(trainer.create(params))
        ends.append((trainer.params(state), report.loss))
    (lazy, lazy_losses), (dense, dense_losses) = ends
    users, items = vectors(params.users), vectors(params.items)
    batch = jax.tree.map(lambda column: np.asarray(column[0]), examples)
    errors = np.sum(users[batch.users] * items[batch.items], axis=1) - batch.ratings
    np.testing.assert_allclose(lazy_losses[0], np.mean(errors**2), rtol=1e-5)
    np.testing.assert_allclose(lazy_losses, dense_losses, rtol=1e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), lazy, dense
    )
    assert dense_losses[-5:].mean() < dense_losses[:5].mean()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_state_made_in_place_is_a_state_of_the_trainer(workload, mesh):
    trainer = ours.make_trainer(workload, mesh, lazy=True)
    state = ours.create_lazy_state(workload, trainer)
    model = ours.make_model(workload)
    like = jax.eval_shape(
        lambda key: trainer.create(model.init(key)), jax.random.key(0)
    )
    assert jax.tree.structure(state) == jax.tree.structure(like)
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, like)
    users = trainer.params(state).users[-1]
    assert users.min() >= 0
    assert users.std() > 0.03
