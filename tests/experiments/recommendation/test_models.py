"""Matrix factorization against its sums written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from ant_jax.params import join_rows, split_rows
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.models import MatrixFactorization

# With few anchors the product of the anchors comes first, with many it does not.
PAIRS = {
    "few anchors": (ant.AnchorEmbedding(5, 4, 3), ant.AnchorEmbedding(6, 4, 2)),
    "many anchors": (ant.AnchorEmbedding(5, 2, 7), ant.AnchorEmbedding(6, 2, 9)),
    "anchors and a table": (ant.AnchorEmbedding(5, 4, 3), ant.FullEmbedding(6, 4)),
    "tables": (ant.FullEmbedding(5, 4), ant.FullEmbedding(6, 4)),
}


def vectors_of(params):
    """Every embedding vector, entry by entry in float64."""
    if isinstance(params, ant.FullParams):
        return np.asarray(params.embedding, np.float64)
    anchors, transform = (np.asarray(x, np.float64) for x in params)
    vectors = np.zeros((len(transform), anchors.shape[1]))
    for v, j in np.ndindex(vectors.shape):
        vectors[v, j] = sum(
            t * a for t, a in zip(transform[v], anchors[:, j], strict=True)
        )
    return vectors


# Long batches are computed by another path.
@pytest.mark.parametrize(
    ("pair", "biases", "batch"),
    [
        *((pair, biases, 300) for pair in PAIRS for biases in (False, True)),
        ("few anchors", True, 3),
        ("tables", True, 3),
    ],
)
def test_prediction_is_the_sum_written_out(pair, biases, batch):
    model = MatrixFactorization(*PAIRS[pair], biases)
    params = model.init(jax.random.key(0), bias=3.5)
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 5, batch), rng.integers(0, 6, batch)
    left, right = vectors_of(params.users), vectors_of(params.items)
    expected = []
    for u, i in zip(users, items, strict=True):
        *first, user_bias = left[u] if biases else [*left[u], 0.0]
        *second, item_bias = right[i] if biases else [*right[i], 0.0]
        product = sum(a * b for a, b in zip(first, second, strict=True))
        expected.append(product + user_bias + item_bias + 3.5)
    examples = Examples(
        jnp.asarray(users, jnp.int32), jnp.asarray(items, jnp.int32), jnp.ones(batch)
    )
    got = jax.jit(model.predict)(params, examples.users, examples.items)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    errors = model.squared_error(params, examples)
    np.testing.assert_allclose(errors, np.square(np.array(expected) - 1), rtol=1e-4)


def test_a_bias_takes_no_part_in_the_product():
    table = ant.FullEmbedding(1, 3)
    model = MatrixFactorization(table, table, True)
    params = model.init(jax.random.key(0))._replace(
        users=ant.FullParams(jnp.array([[2.0, 3.0, 100.0]])),
        items=ant.FullParams(jnp.array([[5.0, 7.0, 1000.0]])),
        bias=jnp.float32(0.25),
    )
    zero = jnp.zeros(1, jnp.int32)
    assert model.predict(params, zero, zero).tolist() == [31 + 1100 + 0.25]


def test_parameters_are_counted_as_in_table_14():
    # The published full table: 155.2K parameters at d = 16, rounded to users + items
    # of about 9.7K; the rerun on 6,040 users and 3,706 items has 155.9K.
    model = MatrixFactorization(
        ant.FullEmbedding(6040, 16), ant.FullEmbedding(3706, 16)
    )
    assert model.num_params(model.init(jax.random.key(0))) == 155_936


def test_biases_are_counted_as_the_feature_that_they_are():
    # Sixteen features and the bias.
    model = MatrixFactorization(
        ant.AnchorEmbedding(60, 17, 5), ant.AnchorEmbedding(40, 17, 10), True
    )
    params = model.init(jax.random.key(0))
    params = params._replace(
        users=params.users._replace(transform=jnp.zeros((60, 5)).at[3, 2].set(1.0))
    )
    assert model.num_params(params) == 5 * 17 + 1 + 10 * 17 + 40 * 10
    full = MatrixFactorization(ant.FullEmbedding(60, 17), ant.FullEmbedding(40, 17))
    params = full.init(jax.random.key(0))
    assert full.num_params(params) == 100 * 17


@pytest.mark.parametrize("pair", PAIRS)
def test_tables_that_are_taken_out_can_be_put_back(pair):
    params = MatrixFactorization(*PAIRS[pair]).init(jax.random.key(0))
    tables, rest = split_rows(params)
    assert [len(tables[name]) for name in ("users", "items")] == [5, 6]
    assert all(leaf.shape[:1] not in ((5,), (6,)) for leaf in jax.tree.leaves(rest))
    again = join_rows(tables, rest)
    jax.tree.map(np.testing.assert_array_equal, again, params)
