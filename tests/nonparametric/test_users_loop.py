"""nbANT in a loop of one's own: a Flax classifier of bags of words."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import ant_jax as ant
from ant_jax.nonparametric import (
    Controller,
    hold_inactive,
    mask_anchors,
    take_anchors,
)
from ant_jax.pruning import num_nonzeros

V, D, ROOM, CLASSES, EPOCHS = 60, 8, 8, 4, 14


class Classifier(nnx.Module):
    def __init__(self, num_anchors, rngs):
        self.embed = ant.nnx.AnchorEmbed(V, D, num_anchors, rngs=rngs)
        self.out = nnx.Linear(D, CLASSES, rngs=rngs)

    def __call__(self, ids):
        return self.out(jnp.mean(self.embed(ids), axis=1))


def texts(seed, count=256):
    """Every word speaks for one of the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    words = rng.integers(0, V // CLASSES, (count, 6)) * CLASSES + labels[:, None]
    noise = rng.random(words.shape) < 0.2
    words = np.where(noise, rng.integers(0, V, words.shape), words)
    return jnp.asarray(words, jnp.int32), jnp.asarray(labels, jnp.int32)


def test_a_flax_classifier_finds_its_anchors():
    l1, anchor_cost = 1e-4, 0.02
    graph, params = nnx.split(Classifier(ROOM, nnx.Rngs(0)))
    tx = hold_inactive(
        optax.multi_transform(
            {"transform": ant.proximal_yogi(0.1, l1), "other": ant.yogi(0.1)},
            ant.param_labels,
        )
    )

    def loss(params, batch, active):
        ids, labels = batch
        logits = nnx.merge(graph, mask_anchors(params, active))(ids)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
        return -jnp.mean(chosen)

    @jax.jit
    def train(params, state, batches, active):
        def step(carry, batch):
            gradients = jax.grad(loss)(carry[0], batch, active)
            updates, state = tx.update(gradients, carry[1], carry[0], active=active)
            return (optax.apply_updates(carry[0], updates), state), None

        return jax.lax.scan(step, (params, state), batches)[0]

    @jax.jit
    def evaluate(params, batch, active):
        return loss(params, batch, active), mask_anchors(params, active)

    batches = jax.tree.map(lambda x: x.reshape(8, 32, *x.shape[1:]), texts(0))
    held_out, opt_state = texts(1), tx.init(params)
    control = Controller(max_anchors=ROOM).init({"embed": 1})
    course, losses = [], []
    for _ in range(EPOCHS):
        active = {name: jnp.int32(k) for name, k in control.anchors.items()}
        params, opt_state = train(params, opt_state, batches, active)
        value, masked = evaluate(params, held_out, active)
        k = control.anchors["embed"]
        objective = float(value) + l1 * num_nonzeros(masked) + (anchor_cost - l1) * k
        course.append(k)
        losses.append(float(value))
        control = Controller(max_anchors=ROOM).update(control, objective)

    # It grew, stopped short of all there is room for, and compiled once.
    assert course[0] == 1
    assert 2 < max(course) <= ROOM
    assert losses[-1] < 0.6 * losses[0]
    assert train._cache_size() == evaluate._cache_size() == 1
    # What ships is a classifier of so many anchors.
    k = course[-1]
    small = nnx.merge(nnx.split(Classifier(k, nnx.Rngs(0)))[0], take_anchors(params, k))
    logits = nnx.merge(graph, mask_anchors(params, k))(held_out[0])
    np.testing.assert_allclose(small(held_out[0]), logits, rtol=1e-5, atol=1e-5)
