"""VVD, SparseVD and SparseVD-Voc: against loops, by their moments, and as shipped."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ant_jax as ant
from ant_jax.embeddings import (
    SelectedEmbedding,
    SparseEmbedding,
    SparseVariationalEmbedding,
    SparseVariationalVocabularyEmbedding,
    VariationalVocabularyEmbedding,
)

V, D = 11, 4
KEY = jax.random.key(0)


def weights(params):
    """Mean and variance of every entry, by loops over the formulas of the papers."""
    p = jax.tree.map(np.float64, params)
    mean, variance = p.mean.copy(), np.zeros((V, D))
    for v, j in np.ndindex(V, D):
        if hasattr(p, "log_alpha"):
            variance[v, j] = np.exp(p.log_alpha[v, 0]) * p.mean[v, j] ** 2
            continue
        variance[v, j] = np.exp(p.log_variance[v, j])
        if hasattr(p, "scale_mean"):
            z, s = p.scale_mean[v, 0], np.exp(p.scale_log_variance[v, 0])
            w, q = mean[v, j], variance[v, j]
            mean[v, j], variance[v, j] = z * w, z**2 * q + w**2 * s + s * q
    return mean, variance


def log_alphas(params):
    """Log alpha of every noise there is, (V, 1) or (V, d)."""
    p = jax.tree.map(np.float64, params)
    if hasattr(p, "log_alpha"):
        return [p.log_alpha]
    found = [p.log_variance - np.log(p.mean**2)]
    if hasattr(p, "scale_mean"):
        found.append(p.scale_log_variance - np.log(p.scale_mean**2))
    return found


MAKERS = {
    "vvd": VariationalVocabularyEmbedding,
    "sparse_vd": SparseVariationalEmbedding,
    "sparse_vd_voc": SparseVariationalVocabularyEmbedding,
}


@pytest.fixture(params=MAKERS)
def make(request):
    return functools.partial(MAKERS[request.param], V, D)


def random_params(emb, seed=0):
    """Some of each word's noise above the threshold and some below it."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(emb.init, KEY)

    def draw(name, shape):
        scale = 3.0 if name.startswith(("log_", "scale_log")) else 1.0
        values = scale * rng.normal(size=shape.shape)
        return jnp.asarray(values, shape.dtype)

    return shapes._replace(**{k: draw(k, s) for k, s in shapes._asdict().items()})


def without_noise(params):
    kept = np.all([np.broadcast_to(a <= 3, (V, D)) for a in log_alphas(params)], axis=0)
    return np.where(kept, weights(params)[0], 0), kept


def test_without_a_key_dropped_ones_are_zero_and_others_are_their_means(make):
    emb = make()
    params = random_params(emb)
    expected, kept = without_noise(params)
    assert 0 < kept.sum() < kept.size
    ids = np.array([[3, 0], [10, -1]])
    h = np.ones((2, D), np.float32)
    outside = np.array([V, -V - 1, 2**31 - 1, 0], np.int32)

    @jax.jit
    def run(params):
        strange = [emb.lookup(params, outside, key=k) for k in (None, KEY)]
        scores = emb.attend(params, jnp.asarray(h))
        return emb.lookup(params, ids), emb.matrix(params), scores, strange

    found, matrix, scores, strange = run(params)
    np.testing.assert_allclose(found, expected[ids], rtol=1e-6)
    np.testing.assert_allclose(matrix, expected, rtol=1e-6)
    np.testing.assert_allclose(scores, h @ expected.T, rtol=1e-5, atol=1e-6)
    for rows in strange:
        assert np.isnan(rows).all(axis=1).tolist() == [True, True, True, False]
    assert isinstance(emb, ant.Embedding)


@pytest.mark.parametrize(
    ("dtype", "param_dtype"),
    [(jnp.bfloat16, jnp.float32), (None, jnp.bfloat16), (jnp.float32, jnp.bfloat16)],
)
def test_what_is_shipped_is_what_is_evaluated(
    make, tmp_path, dtype, param_dtype, users_compiler
):
    emb = make(dtype=dtype, param_dtype=param_dtype)
    params = random_params(emb)
    shrunk, rest = emb.shrink(params)
    sizes = ant.compact.save(tmp_path / "table", shrunk, rest)
    found = ant.compact.load(tmp_path / "table").matrix()
    lookup = jax.jit(emb.lookup, compiler_options=users_compiler)
    expected = lookup(params, np.arange(V)).astype(jnp.float32)
    assert found.tobytes() == np.asarray(expected).tobytes()
    count = emb.num_params(params)
    assert count == shrunk.num_params(rest) == sizes.num_params
    _, kept = without_noise(params)
    if isinstance(emb, VariationalVocabularyEmbedding):
        assert isinstance(shrunk, SelectedEmbedding)
        assert list(shrunk.kept) == np.flatnonzero(kept.all(axis=1)).tolist()
        assert count == (kept.all(axis=1).sum() + 1) * D
    else:
        assert isinstance(shrunk, SparseEmbedding)
        assert count == kept.sum()


def test_noise_has_the_moments_of_the_papers(make):
    emb = make()
    params = random_params(emb)
    params = jax.tree.map(lambda x: jnp.clip(x, -2, 2), params)
    ids = np.tile(np.arange(V), (4000, 1))
    draws = np.float64(jax.jit(emb.lookup)(params, ids, key=KEY))
    mean, variance = weights(params)
    deviation = variance**0.5
    standard_error = deviation / len(ids) ** 0.5
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * standard_error).all()
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.15)


def test_noise_differs_between_occurrences_and_not_between_calls(make):
    emb = make()
    params = random_params(emb)
    ids, key = jnp.array([[2, 2], [7, 2]]), jax.random.key(5)
    lookup = jax.jit(lambda key: emb.lookup(params, ids, key=key))
    one, same, other = map(np.asarray, map(lookup, (key, key, jax.random.key(6))))
    assert (one == same).all()
    assert (one != other).all()
    assert (one[0, 0] != one[0, 1]).all()
    assert (one[0, 0] != one[1, 1]).all()


def test_kl_sums_over_all_noise(make):
    emb = make()
    params = random_params(emb)
    total = 0.0
    for a in np.concatenate([np.ravel(a) for a in log_alphas(params)]):
        a = np.clip(a, -10, 10)
        sigmoid = 1 / (1 + np.exp(-(1.87320 + 1.48695 * a)))
        negative = 0.63576 * sigmoid - 0.5 * np.log(1 + np.exp(-a)) - 0.63576
        total -= negative
    found = emb.kl(params)
    assert found.shape == ()
    assert float(found) == pytest.approx(total, rel=1e-5)


def test_gradients_by_finite_differences(make):
    with jax.enable_x64(True):
        emb = make(param_dtype=jnp.float64)
        params = jax.tree.map(lambda x: jnp.clip(x, -2, 2), random_params(emb))
        direction = random_params(emb, seed=1)
        ids = np.array([1, 4, 4, -1])

        @jax.jit
        def loss(params):
            vectors = emb.lookup(params, ids, key=KEY)
            return jnp.sum(jnp.sin(vectors)) + 0.1 * emb.kl(params)

        def moved(by):
            return jax.tree.map(lambda p, d: p + by * d, params, direction)

        _, slope = jax.jvp(loss, (params,), (direction,))
        step = 1e-6
        numeric = (loss(moved(step)) - loss(moved(-step))) / (2 * step)
        assert float(slope) == pytest.approx(float(numeric), rel=1e-6)


@pytest.mark.parametrize(("dtype", "result"), [(None, jnp.bfloat16), ("float32",) * 2])
def test_dtypes(make, dtype, result):
    emb = make(dtype=dtype, param_dtype=jnp.bfloat16)
    params = jax.eval_shape(emb.init, KEY)
    assert {p.dtype for p in params} == {jnp.dtype(jnp.bfloat16)}
    ids = np.zeros((2, 3), np.uint8)
    for key in (None, KEY):
        found = jax.eval_shape(functools.partial(emb.lookup, key=key), params, ids)
        assert (found.shape, found.dtype) == ((2, 3, D), result)
    assert jax.eval_shape(emb.matrix, params).dtype == result
    h = jnp.ones(D, jnp.bfloat16)
    assert jax.eval_shape(emb.attend, params, h).dtype == result
    assert make() == make()
    assert hash(make()) == hash(make())
    with pytest.raises(ValueError, match="must be an integer"):
        emb.lookup(params, 1.0)


@pytest.mark.parametrize("name", ["vvd", "sparse_vd_voc"])
def test_words_that_say_nothing_are_dropped(name):
    """Only the first words have to do with the label, and only they stay.

    The texts are few and the threshold is far below 3: the ranking is what counts.
    """
    count, telling = 400, 3
    rng = np.random.default_rng(0)
    texts = rng.integers(0, V, (count, 12))
    signs = np.array([3.0, -3.0, 3.0] + [0.0] * (V - 3))
    labels = jnp.asarray(signs[texts].sum(axis=1) > 0, jnp.float32)
    emb = MAKERS[name](V, 1, threshold=-3.0)

    def loss(params, key, weight):
        logits = emb.lookup(params, texts, key=key).sum(axis=(1, 2))
        error = optax.sigmoid_binary_cross_entropy(logits, labels).mean()
        return error + weight * emb.kl(params) / count

    tx = ant.optim.proximal_adam(0.05, prox=ant.optim.identity)

    def step(carry, inputs):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params, *inputs), state, params)
        return (optax.apply_updates(params, updates), state), None

    params = emb.init(jax.random.key(1))
    if name == "vvd":
        params = params._replace(log_alpha=jnp.full((V, 1), -1.0))
    keys = jax.random.split(jax.random.key(2), 800)
    warmup = jnp.linspace(0, 3, 800).clip(max=1)
    train = jax.jit(lambda c: jax.lax.scan(step, c, (keys, warmup))[0])
    params, _ = train((params, tx.init(params)))
    kept = np.flatnonzero(emb.kept(params).any(axis=1))
    assert kept.tolist() == list(range(telling))
