"""Anchors that are out of use stay as they are, whatever the optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.nonparametric import hold_inactive, mask_anchors

V, D, ROOM = 6, 2, 4


def start():
    users, items = (
        ant.AnchorEmbedding(V, D, ROOM).init(jax.random.key(i)) for i in (0, 1)
    )
    return {"users": users, "a": {"users": items}, "w": jnp.ones(3)}


def loss(params, active):
    masked = mask_anchors(params, active)
    first, second = masked["users"], masked["a"]["users"]
    product = (first.transform @ first.anchors) @ (second.transform @ second.anchors).T
    return jnp.mean(jnp.square(product - 1.5)) + jnp.sum(jnp.square(params["w"]))


OPTIMIZERS = {
    "yogi by labels": lambda: optax.multi_transform(
        {"transform": ant.proximal_yogi(0.05, 0.01), "other": ant.yogi(0.05)},
        ant.param_labels,
    ),
    "rmsprop": lambda: optax.rmsprop(0.05, momentum=0.9),
    "chain": lambda: optax.chain(
        optax.clip_by_global_norm(1.0), optax.trace(0.9), optax.scale(-0.05)
    ),
    "injected": lambda: optax.inject_hyperparams(ant.proximal_adam)(0.05, l1=0.01),
}


def run(tx, params, courses, state=None):
    @jax.jit
    def step(params, state, active):
        gradients = jax.grad(loss)(params, active)
        updates, state = tx.update(gradients, state, params, active=active)
        return optax.apply_updates(params, updates), state

    state = tx.init(params) if state is None else state
    for active in courses:
        params, state = step(params, state, jax.tree.map(jnp.int32, active))
    return params, state


def leaves(tree, name):
    """Arrays of a table in parameters or state, by the ends of their paths."""
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        text = jax.tree_util.keystr(path, simple=True, separator=".")
        own = text == name or text.endswith(f".{name}")
        if own and not (name.startswith("users") and f"a.{name}" in text):
            found.append(np.asarray(leaf))
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_removed_anchor_comes_back_bit_by_bit(name):
    tx = hold_inactive(OPTIMIZERS[name]())
    many = {"users": 3, "a.users": 4}
    few = {"users": 1, "a.users": 4}
    params, state = run(tx, start(), [many] * 5)
    later, after = run(tx, params, [few] * 7, state)
    for before, now in ((params, later), (state, after)):
        pairs = zip(
            leaves(before, "users.transform"),
            leaves(now, "users.transform"),
            strict=True,
        )
        for old, new in pairs:
            np.testing.assert_array_equal(old[:, 1:], new[:, 1:])
            assert (old[:, :1] != new[:, :1]).any()
        pairs = zip(
            leaves(before, "users.anchors"), leaves(now, "users.anchors"), strict=True
        )
        for old, new in pairs:
            np.testing.assert_array_equal(old[1:], new[1:])
            assert (old[:1] != new[:1]).any()
    # The other table, of the same last name, moved with all of its anchors.
    old, new = params["a"]["users"], later["a"]["users"]
    assert (old.anchors != new.anchors).all()
    assert len(leaves(state, "users.transform")) == len(
        leaves(state, "a.users.transform")
    )
    again, _ = run(tx, later, [many], after)
    assert (again["users"].anchors[1:3] != later["users"].anchors[1:3]).all()
    np.testing.assert_array_equal(
        again["users"].anchors[3], start()["users"].anchors[3]
    )


def test_without_holding_unused_columns_go_on_shrinking():
    tx = optax.with_extra_args_support(OPTIMIZERS["yogi by labels"]())
    params, state = run(tx, start(), [4] * 5)
    later, _ = run(tx, params, [1] * 20, state)
    before, now = params["users"].transform[:, 1:], later["users"].transform[:, 1:]
    assert jnp.sum(now) < jnp.sum(before) - 0.1


def test_without_counts_it_is_the_inner_optimizer(users_compiler):
    inner = OPTIMIZERS["yogi by labels"]()
    held = hold_inactive(inner)
    gradients = jax.jit(jax.grad(loss))(start(), ROOM)
    state = held.init(start())
    jax.tree.map(np.testing.assert_array_equal, state, inner.init(start()))
    update = jax.jit(inner.update, compiler_options=users_compiler)
    theirs = update(gradients, state, start())
    update = jax.jit(held.update, compiler_options=users_compiler)
    for counts in ({}, {"active": ROOM}):
        ours = update(gradients, state, start(), **counts)
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_the_parameters_are_needed():
    tx = hold_inactive(optax.sgd(0.1))
    with pytest.raises(ValueError, match="To hold anchors the parameters are needed"):
        tx.update(start(), tx.init(start()), active=1)
