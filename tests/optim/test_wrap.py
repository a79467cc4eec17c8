"""`with_proximal` against the two optimizers apart, in every form users have one."""

import flax.nnx
import flax.training.train_state
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.embeddings import SparseParams

PROXIMAL = ant.proximal_yogi(0.1, l1=0.05)


@pytest.fixture(autouse=True)
def standard_promotion():
    """Optax does not run under the strict one, which the tests turn on."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def params():
    draw = np.random.default_rng(0).normal
    return {
        "embed": {
            "anchors": jnp.asarray(draw(size=(2, 3)), jnp.float32),
            "transform": jnp.abs(jnp.asarray(draw(size=(5, 2)), jnp.float32)),
        },
        "table": SparseParams(jnp.asarray(draw(size=(4, 3)), jnp.float32)),
        "dense": jnp.asarray(draw(size=3), jnp.float32),
    }


def gradients_of(params, seed):
    draw = np.random.default_rng(seed).normal
    return jax.tree.map(lambda p: jnp.asarray(draw(size=p.shape), p.dtype), params)


def run(tx, params, gradients):
    state, update = tx.init(params), jax.jit(tx.update)
    for gradient in gradients:
        updates, state = update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def sparse(tree):
    return tree["embed"]["transform"], tree["table"]


def dense(tree):
    return tree["embed"]["anchors"], tree["dense"]


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)


OPTIMIZERS = {
    "adamw": lambda: optax.adamw(1e-2),
    "chain": lambda: optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1e-2)),
    "multi_transform": lambda: optax.multi_transform(
        {"a": optax.sgd(0.1), "b": optax.adam(0.1)},
        lambda params: jax.tree.map(lambda p: "a" if p.ndim == 1 else "b", params),
    ),
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.adamw)(
        optax.linear_schedule(1e-2, 1e-3, 3)
    ),
    "ours": lambda: ant.yogi(1e-2),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_each_has_its_own_parameters_and_no_other(params, make):
    gradients = [gradients_of(params, seed) for seed in range(3)]
    trained = run(ant.with_proximal(make(), PROXIMAL), params, gradients)
    assert_close(
        sparse(trained), run(PROXIMAL, sparse(params), [sparse(g) for g in gradients])
    )
    assert_close(
        dense(trained), run(make(), dense(params), [dense(g) for g in gradients])
    )
    transform = np.asarray(trained["embed"]["transform"])
    assert (transform >= 0).all()
    assert (transform == 0).any()


@pytest.mark.parametrize("as_transformation", [False, True])
def test_accumulated_gradients_are_one_step_of_the_whole_batch(
    params, as_transformation
):
    """T would be off, and in silence, if it stepped at every small batch."""
    gradients = [gradients_of(params, seed) for seed in range(6)]
    whole = [jax.tree.map(lambda *g: sum(g) / 3, *gradients[i : i + 3]) for i in (0, 3)]
    optimizer = optax.MultiSteps(optax.adamw(1e-2), every_k_schedule=3)
    if as_transformation:
        optimizer = optimizer.gradient_transformation()
    tx = ant.with_proximal(optimizer, PROXIMAL)
    expected = ant.with_proximal(optax.adamw(1e-2), PROXIMAL)
    assert isinstance(tx, optax.MultiSteps) != as_transformation
    between = run(tx, params, gradients[:2])
    jax.tree.map(np.testing.assert_array_equal, between, params)
    assert_close(run(tx, params, gradients), run(expected, params, whole))


def test_settings_of_accumulation_are_kept(params):
    """Sums in place of means, and batches that are left out for both."""
    gradients = [gradients_of(params, seed) for seed in range(3)]
    gradients[1]["dense"] = jnp.full(3, jnp.nan)
    optimizer = optax.MultiSteps(
        optax.sgd(0.1),
        every_k_schedule=lambda step: 2,
        use_grad_mean=False,
        should_skip_update_fn=optax.skip_not_finite,
    )
    tx = ant.with_proximal(optimizer, PROXIMAL)
    total = jax.tree.map(jnp.add, gradients[0], gradients[2])
    expected = ant.with_proximal(optax.sgd(0.1), PROXIMAL)
    assert_close(run(tx, params, gradients), run(expected, params, [total]))
    assert isinstance(optimizer.inner_opt, optax.GradientTransformationExtraArgs)
    plain = optax.GradientTransformationExtraArgs
    assert isinstance(tx.inner_opt, plain)
    assert tx.inner_opt is not optimizer.inner_opt


@pytest.mark.parametrize(
    "gate",
    [
        lambda tx: optax.chain(
            optax.identity(), optax.MultiSteps(tx, 2).gradient_transformation()
        ),
        lambda tx: optax.apply_if_finite(tx, 3),
        lambda tx: optax.chain(tx, optax.apply_every(2)),
    ],
)
def test_what_would_hold_back_a_part_of_the_parameters_is_refused(params, gate):
    tx = ant.with_proximal(gate(optax.sgd(0.1)), PROXIMAL)
    with pytest.raises(ValueError, match=r"optimizer of with_proximal holds optax\."):
        tx.init(params)
    tx = ant.with_proximal(optax.sgd(0.1), gate(PROXIMAL))
    with pytest.raises(ValueError, match=r"proximal of with_proximal holds optax\."):
        tx.init(params)


def test_wrappers_go_around_both(params):
    inner = ant.with_proximal(optax.adam(0.1), PROXIMAL)
    gradients = gradients_of(params, 0)
    broken = {**gradients, "dense": jnp.full(3, jnp.nan)}
    tx = optax.apply_if_finite(inner, 3)
    assert_close(run(tx, params, [broken, gradients]), run(inner, params, [gradients]))


def test_one_norm_is_clipped_outside(params):
    gradients = gradients_of(params, 0)
    clipped, _ = optax.clip_by_global_norm(0.1).update(gradients, optax.EmptyState())
    inner = ant.with_proximal(optax.sgd(0.1), ant.proximal_sgd(0.1))
    tx = optax.chain(optax.clip_by_global_norm(0.1), inner)
    assert_close(run(tx, params, [gradients]), run(inner, params, [clipped]))


def test_further_arguments_are_passed_on(params):
    seen = []

    def update(updates, state, params=None, *, value, **extra):
        seen.append(value)
        return updates, state

    tx = optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update)
    both = ant.with_proximal(tx, tx)
    both.update(gradients_of(params, 0), both.init(params), params, value=7)
    assert seen == [7, 7]


def test_other_labels(params):
    def labels(tree):
        return {
            "embed": {"anchors": "other", "transform": "other"},
            "table": SparseParams("transform"),
            "dense": "other",
        }

    gradients = [gradients_of(params, 0)]
    tx = ant.with_proximal(optax.sgd(0.1), PROXIMAL, labels)
    trained = run(tx, params, gradients)
    expected = params["embed"]["transform"] - 0.1 * gradients[0]["embed"]["transform"]
    np.testing.assert_allclose(trained["embed"]["transform"], expected, rtol=1e-6)


def test_a_model_without_a_table_is_refused():
    tx = ant.with_proximal(optax.sgd(0.1), PROXIMAL)
    with pytest.raises(ValueError, match="no sparse table"):
        tx.init({"dense": {"kernel": jnp.ones((2, 2))}})


def test_train_state():
    layer = ant.linen.AnchorEmbed(9, 4, 3)
    ids = jnp.arange(9)
    state = flax.training.train_state.TrainState.create(
        apply_fn=layer.apply,
        params=layer.init(jax.random.key(0), ids)["params"],
        tx=ant.with_proximal(optax.adamw(1e-2), ant.proximal_adam(0.1, l1=0.1)),
    )

    @jax.jit
    def step(state):
        def loss(params):
            return jnp.mean(state.apply_fn({"params": params}, ids) ** 2)

        return state.apply_gradients(grads=jax.grad(loss)(state.params))

    for _ in range(5):
        state = step(state)
    assert (state.params["transform"] == 0).any()
    assert (state.params["anchors"] != 0).all()


def test_nnx_optimizer():
    layer = ant.nnx.AnchorEmbed(9, 4, 3, rngs=flax.nnx.Rngs(0))
    tx = optax.MultiSteps(optax.adamw(1e-2), 2)
    tx = ant.with_proximal(tx, ant.proximal_adam(0.1, l1=0.1))
    optimizer = flax.nnx.Optimizer(layer, tx, wrt=flax.nnx.Param)

    @flax.nnx.jit
    def step(layer, optimizer):
        gradients = flax.nnx.grad(lambda layer: (layer(jnp.arange(9)) ** 2).mean())(
            layer
        )
        optimizer.update(layer, gradients)

    before = layer.params
    step(layer, optimizer)
    jax.tree.map(np.testing.assert_array_equal, layer.params, before)
    for _ in range(7):
        step(layer, optimizer)
    assert (layer.transform[...] == 0).any()
    assert (layer.anchors[...] != 0).all()
