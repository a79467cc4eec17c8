"""What every proximal optimizer must do, as one matrix."""

import chex
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
import sklearn.linear_model
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import ant_jax as ant
from ant_jax.optim import (
    adaptive_dual_averaging,
    dual_averaging,
    group_soft_threshold,
    halving_schedule,
    hard_threshold,
    minimax_concave,
    soft_threshold,
)

OPTIMIZERS = {
    "sgd": (ant.proximal_sgd, {}),
    "momentum": (ant.proximal_sgd, {"momentum": 0.9}),
    "adagrad": (ant.proximal_adagrad, {}),
    "adam": (ant.proximal_adam, {}),
    "amsgrad": (ant.proximal_amsgrad, {}),
    "yogi": (ant.proximal_yogi, {}),
}
DUAL_AVERAGING = {
    "dual_averaging": (dual_averaging, {}),
    "adaptive_dual_averaging": (adaptive_dual_averaging, {}),
}
FACTORIES = OPTIMIZERS | DUAL_AVERAGING
RATES = {
    "sgd": 0.3,
    "momentum": 0.05,
    "adagrad": 0.5,
    "adam": 0.01,
    "amsgrad": 0.05,
    "yogi": 0.05,
    "dual_averaging": 0.5,
    "adaptive_dual_averaging": 0.5,
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
every_factory = pytest.mark.parametrize("name", FACTORIES)
both_metrics = pytest.mark.parametrize("metric", ["adaptive", "euclidean"])


def make(name, learning_rate=None, l1=0.0, **options):
    factory, fixed = FACTORIES[name]
    rate = RATES[name] if learning_rate is None else learning_rate
    return factory(rate, l1, **fixed, **options)


def run(tx, gradient, p, steps):
    """`steps` steps in one compiled loop; returns the last iterate."""

    @jax.jit
    def train(p):
        def step(_, carry):
            p, state = carry
            updates, state = tx.update(gradient(p), state, p)
            return optax.apply_updates(p, updates), state

        return jax.lax.fori_loop(0, steps, step, (p, tx.init(p)))[0]

    return train(p)


def lasso_problem(positive):
    """A small regression and its exact solution by coordinate descent."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 8))
    truth = np.array([2.0, -1.5, 0, 0, 1.0, 0, 0, -0.5])
    target = features @ truth + 0.1 * rng.normal(size=40)
    l1 = 0.2
    solution = sklearn.linear_model.Lasso(
        alpha=l1, positive=positive, fit_intercept=False, tol=1e-10, max_iter=100_000
    ).fit(features, target)
    features, target = jnp.float32(features), jnp.float32(target)

    def gradient(p):
        return features.T @ (features @ p - target) / len(target)

    return gradient, l1, solution.coef_


@every_optimizer
@pytest.mark.parametrize("positive", [True, False])
def test_converges_to_the_lasso(name, positive):
    gradient, l1, solution = lasso_problem(positive)
    rate = halving_schedule(RATES[name], 1000)
    tx = make(name, rate, l1, prox=None if positive else soft_threshold)
    got = run(tx, gradient, jnp.full(8, 0.5), 8000)
    assert (solution == 0).any()
    assert (solution != 0).any()
    np.testing.assert_array_equal(np.asarray(got) == 0, solution == 0)
    np.testing.assert_allclose(got, solution, atol=2e-3)


@pytest.mark.parametrize("name", ["sgd", "momentum"])
def test_the_euclidean_metric_is_the_adaptive_one_where_all_steps_are_equal(name):
    gradient, l1, _ = lasso_problem(positive=True)
    runs = [
        run(make(name, l1=l1, metric=metric), gradient, jnp.full(8, 0.5), 20)
        for metric in ("adaptive", "euclidean")
    ]
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize("name", ["adagrad", "adam", "amsgrad", "yogi"])
def test_the_euclidean_metric_is_equation_3(name):
    p, g = jnp.array([1.0, 0.2, 0.001]), jnp.array([0.5, -0.1, 0.3])
    lr, l1 = 0.01, 0.5
    half = p + (lambda tx: tx.update(g, tx.init(p), p)[0])(make(name, lr))
    tx = make(name, lr, l1, metric="euclidean")
    got = p + tx.update(g, tx.init(p), p)[0]
    np.testing.assert_allclose(got, np.maximum(half - lr * l1, 0), rtol=1e-6, atol=1e-8)


@every_optimizer
@both_metrics
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_zeros_are_exact_and_nothing_is_negative(name, metric, dtype):
    # Half the coordinates are pulled below zero, half above the penalty.
    target = jnp.tile(jnp.array([-0.5, 2.0], dtype), 16)
    p = jnp.linspace(0.1, 1.0, 32).astype(dtype)
    tx = make(name, l1=0.05, metric=metric)
    got = run(tx, lambda p: p - target, p, 300)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got[::2].astype(jnp.float32), np.zeros(16))
    assert (got[1::2] > 1).all()


def test_l1_in_the_loss_gives_no_exact_zero():
    target = jnp.linspace(-0.5, 2.0, 64)

    def gradient(p):
        return p - target + 0.05 * jnp.sign(p)

    in_the_loss = run(ant.yogi(0.01), gradient, jnp.full(64, 0.7), 500)
    in_the_step = run(
        ant.proximal_yogi(0.01, 0.05), lambda p: p - target, jnp.full(64, 0.7), 500
    )
    assert not (in_the_loss == 0).any()
    assert (in_the_step == 0).sum() >= 10


@every_factory
def test_takes_unknown_extra_arguments(name):
    p = jnp.ones(3)
    tx = optax.with_extra_args_support(make(name))
    updates, _ = tx.update(jnp.ones(3), tx.init(p), p, value=1.0, unknown="x")
    assert (updates < 0).all()


@every_factory
def test_compiles_once(name):
    tx = make(name, halving_schedule(0.1, 10), l1=optax.constant_schedule(0.1))

    @jax.jit
    def step(p, state):
        updates, state = tx.update(p, state, p)
        return optax.apply_updates(p, updates), state

    p = {"a": jnp.ones((3, 2)), "b": jnp.ones(())}
    state = tx.init(p)
    for _ in range(3):
        p, state = step(p, state)
    assert int(state.count) == 3
    assert step._cache_size() == 1


@every_factory
def test_follows_schedules_of_rate_and_penalty(name):
    rates, penalties = [0.3, 0.2, 0.1], [0.0, 0.5, 1.0]
    scheduled = make(
        name,
        lambda count: jnp.array(rates)[count],
        lambda count: jnp.array(penalties)[count],
    )
    p = q = jnp.array([1.0, 2.0, 0.1])
    state = scheduled.init(p)
    slots = make(name).init(q)
    for rate, l1 in zip(rates, penalties, strict=True):
        g = jnp.array([0.1, -0.3, 0.5])
        updates, state = scheduled.update(g, state, p)
        p = optax.apply_updates(p, updates)
        updates, slots = make(name, rate, l1).update(g, slots, q)
        q = optax.apply_updates(q, updates)
    np.testing.assert_allclose(p, q, rtol=1e-6)


@every_factory
@jax.numpy_dtype_promotion("standard")  # optax itself mixes dtypes
def test_works_under_multi_steps(name):
    p = jnp.array([1.0, 0.5])
    gradients = jnp.array([[0.2, 0.4], [0.4, 0.0]])
    plain = make(name, l1=0.1)
    expected = plain.update(gradients.mean(0), plain.init(p), p)[0]
    tx = optax.MultiSteps(make(name, l1=0.1), every_k_schedule=2)
    state = tx.init(p)
    update = jax.jit(tx.update)
    first, state = update(gradients[0], state, p)
    second, state = update(gradients[1], state, p)
    np.testing.assert_array_equal(first, np.zeros(2))
    np.testing.assert_allclose(second, expected, rtol=2e-6)


@every_factory
@jax.numpy_dtype_promotion("standard")
def test_works_under_inject_hyperparams(name):
    factory, fixed = FACTORIES[name]
    tx = optax.inject_hyperparams(factory)(learning_rate=0.1, l1=0.2, **fixed)
    plain = factory(0.1, 0.2, **fixed)
    p, g = jnp.array([1.0, 0.01]), jnp.array([0.3, 0.1])
    state = tx.init(p)
    assert state.hyperparams["l1"] == np.float32(0.2)
    updates, state = jax.jit(tx.update)(g, state, p)
    expected = plain.update(g, plain.init(p), p)[0]
    np.testing.assert_allclose(updates, expected, rtol=1e-5)
    state.hyperparams["l1"] = jnp.float32(1e6)
    updates, _ = tx.update(g, state, p)
    np.testing.assert_array_equal(p + updates, np.zeros(2))


@every_factory
def test_initializes_abstractly(name):
    tx = make(name)
    p = {"a": jnp.ones((3, 2), jnp.bfloat16)}
    abstract = jax.eval_shape(tx.init, p)
    chex.assert_trees_all_equal_shapes_and_dtypes(abstract, tx.init(p))


def tables_of(state):
    return [leaf for leaf in jax.tree.leaves(state) if leaf.ndim == 2]


@every_factory
def test_keeps_the_sharding_of_its_inputs(name):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data", None))
    p = jax.device_put(jnp.ones((16, 3)), sharding)
    g = jax.device_put(jnp.full((16, 3), 0.1), sharding)
    tx = make(name, l1=0.1)

    @jax.jit
    def step(p, state):
        updates, state = tx.update(g, state, p)
        return optax.apply_updates(p, updates), state

    state = tx.init(p)
    for leaf in tables_of(state):
        assert leaf.sharding == sharding
    new, state = step(p, state)
    for leaf in [new, *tables_of(state)]:
        assert leaf.sharding.is_equivalent_to(sharding, 2)


@every_optimizer
def test_unpenalized_entries_are_not_shrunk_but_stay_nonnegative(name):
    p, g = jnp.full((2, 3), 0.5), jnp.zeros((2, 3))
    mask = jnp.array([[True, False, False], [False, False, True]])
    tx = make(name, l1=10.0, unpenalized=mask)
    new = p + tx.update(g, tx.init(p), p)[0]
    np.testing.assert_array_equal(new[mask], [0.5, 0.5])
    assert (new[~mask] < 0.5).all()
    pulled = make(name, 1e3, l1=10.0, unpenalized=mask)
    new = p + pulled.update(g + 1, pulled.init(p), p)[0]
    np.testing.assert_array_equal(new, np.zeros((2, 3)))


def test_a_mask_may_be_a_prefix_and_sit_under_multi_transform():
    params = {"a": ant.AnchorParams(jnp.ones((2, 2)), jnp.full((3, 2), 0.5))}
    mask = {"a": ant.AnchorParams(False, jnp.eye(3, 2, dtype=bool))}
    tx = optax.multi_transform(
        {
            "transform": ant.proximal_sgd(0.1, 10.0, unpenalized=mask),
            "other": ant.yogi(0.1),
        },
        ant.param_labels,
    )
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = tx.update(zero, tx.init(params), params)
    new = optax.apply_updates(params, updates)["a"]
    np.testing.assert_array_equal(new.transform, np.eye(3, 2) * 0.5)
    np.testing.assert_array_equal(new.anchors, np.ones((2, 2)))


@every_optimizer
@both_metrics
def test_a_weight_for_each_row_is_a_penalty_for_each_row(name, metric):
    p = jnp.array([[0.5, 0.2], [0.5, 0.001], [0.5, 0.2], [0.5, 0.2]])
    gradients = jnp.array([[0.3, 0.0], [0.1, 0.1], [0.0, -0.2], [0.1, 0.3]])
    weights, l1 = [0.0, 1.0, 2.5, 100.0], 0.2
    tx = make(name, l1=l1, metric=metric, penalty_weights=jnp.array(weights)[:, None])
    got = run(tx, lambda _: gradients, p, 3)

    @jax.jit
    def alone(l1, gradient, p):
        # As a schedule, so that one program serves every weight.
        tx = make(name, l1=lambda _: l1, metric=metric)
        return run(tx, lambda _: gradient, p, 3)

    for row, weight in enumerate(weights):
        expected = alone(l1 * weight, gradients[row], p[row])
        np.testing.assert_allclose(got[row], expected, rtol=1e-5, atol=1e-6)
    assert got[1, 1] == 0
    assert (got[3] == 0).all()


def test_weights_of_the_penalty_go_with_a_mask_and_with_operators_on_rows():
    p, zero = jnp.full((3, 2), 0.5), jnp.zeros((3, 2))
    mask = jnp.array([[True, False], [False, False], [False, False]])
    weights = jnp.array([[1.0], [2.0], [0.0]])
    tx = ant.proximal_sgd(0.1, 1.0, unpenalized=mask, penalty_weights=weights)
    new = p + tx.update(zero, tx.init(p), p)[0]
    np.testing.assert_allclose(new, [[0.5, 0.4], [0.3, 0.3], [0.5, 0.5]], rtol=1e-6)
    tx = ant.proximal_sgd(1.0, 0.4, prox=group_soft_threshold, penalty_weights=weights)
    new = p + tx.update(zero, tx.init(p), p)[0]
    shrunk = 0.5 * (1 - 0.4 / 0.5**0.5)
    expected = [[shrunk] * 2, [0.0] * 2, [0.5] * 2]
    np.testing.assert_allclose(new, expected, rtol=1e-6, atol=1e-7)


def test_weights_of_the_penalty_may_be_a_prefix_and_sit_under_multi_transform():
    table = ant.AnchorParams(jnp.ones((2, 2)), jnp.full((3, 2), 0.5))
    params = {"a": table, "b": table}
    weights = {"a": ant.AnchorParams(1.0, jnp.array([[0.0], [1.0], [2.0]])), "b": 3.0}
    tx = optax.multi_transform(
        {
            "transform": ant.proximal_sgd(0.1, 1.0, penalty_weights=weights),
            "other": ant.yogi(0.1),
        },
        ant.param_labels,
    )
    zero = jax.tree.map(jnp.zeros_like, params)
    new = optax.apply_updates(params, tx.update(zero, tx.init(params), params)[0])
    by_row = np.array([[0.5], [0.4], [0.3]]) * np.ones((3, 2))
    np.testing.assert_allclose(new["a"].transform, by_row, rtol=1e-6)
    np.testing.assert_allclose(new["b"].transform, np.full((3, 2), 0.2), rtol=1e-6)
    np.testing.assert_array_equal(new["a"].anchors, np.ones((2, 2)))


@every_optimizer
@pytest.mark.parametrize("gamma", [1.5, 4.0])
def test_the_minimax_concave_penalty_is_minimized(name, gamma):
    """With loss |p - target|^2 / 2 the minimum is the prox of the target itself."""
    target = jnp.array([[-1.0, 0.02, 0.08, 0.12], [0.2, 0.35, 0.5, 2.0]])
    l1 = 0.1
    tx = make(name, halving_schedule(RATES[name], 500), l1, prox=minimax_concave(gamma))
    got = np.asarray(run(tx, lambda p: p - target, jnp.full((2, 4), 0.6), 5000))
    grid = np.linspace(0, 2.5, 250_001)
    small = np.minimum(grid, gamma * l1)
    penalty = l1 * small - small**2 / (2 * gamma)
    for value, aim in zip(got.ravel(), np.asarray(target).ravel(), strict=True):
        best = grid[np.argmin((grid - aim) ** 2 / 2 + penalty)]
        assert abs(value - best) < 3e-3
        assert (value == 0) == (best == 0)
    # What is large is not shrunk at all, as it would be by L1.
    assert abs(got[1, 3] - 2.0) < 1e-3


@every_optimizer
@pytest.mark.parametrize("operator", [group_soft_threshold, hard_threshold])
def test_any_operator_can_be_fused(name, operator):
    target = jnp.array([[1.0, 2.0, 2.0], [0.01, 0.01, 0.01]])
    tx = make(name, l1=0.05, prox=operator)
    got = run(tx, lambda p: p - target, target + 0.5, 300)
    np.testing.assert_array_equal(got[1], np.zeros(3))
    assert (got[0] > 0.5).all()


def test_an_unknown_metric_is_refused(monkeypatch):
    # The types checked while testing would refuse it first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="metric must be"):
        ant.proximal_yogi(0.1, metric="manhattan")


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="l1 must be a finite number >= 0"):
        ant.proximal_yogi(0.1, l1=-1e-4)
    with pytest.raises(ValueError, match="learning_rate must be"):
        ant.proximal_sgd(float("nan"))
    with pytest.raises(ValueError, match="penalty_weights must be finite numbers"):
        ant.proximal_yogi(0.1, penalty_weights={"a": 1.0, "b": jnp.array([[-1.0]])})
    with pytest.raises(ValueError, match="penalty_weights must be finite numbers"):
        ant.proximal_yogi(0.1, penalty_weights=np.array([[1.0], [np.nan]]))
    p = jnp.ones((3, 2))
    for shape in [(3,), (2,), (2, 1), (3, 2, 1)]:
        tx = ant.proximal_sgd(0.1, penalty_weights=jnp.ones(shape))
        with pytest.raises(
            ValueError, match=r"do not fit .* \(3, 2\): they need 2 axes"
        ):
            tx.update(p, tx.init(p), p)
    tx = ant.proximal_adam(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(jnp.ones(1), tx.init(jnp.ones(1)))
