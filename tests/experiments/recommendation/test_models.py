"""Matrix factorization against its sums written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ant_jax as ant
from experiments.recommendation.input_pipeline import Examples
from experiments.recommendation.models import MatrixFactorization


@pytest.mark.parametrize("biases", [False, True])
def test_prediction_is_the_sum_written_out(biases):
    model = MatrixFactorization(
        ant.AnchorEmbedding(5, 4, 3), ant.FullEmbedding(6, 4), biases
    )
    params = model.init(jax.random.key(0), bias=3.5)
    if biases:
        params = params._replace(
            user_bias=jnp.arange(5.0), item_bias=jnp.arange(6.0) / 10
        )
    users, items = np.int32([0, 4, 2]), np.int32([5, 0, 5])
    got = model.predict(params, jnp.array(users), jnp.array(items))
    transform, anchors = np.asarray(params.users.transform), params.users.anchors
    for index, (u, i) in enumerate(zip(users, items, strict=True)):
        expected = 3.5
        for j in range(4):
            vector = sum(transform[u, k] * float(anchors[k, j]) for k in range(3))
            expected += vector * float(params.items.embedding[i, j])
        if biases:
            expected += u + i / 10
        np.testing.assert_allclose(got[index], expected, rtol=1e-5)
    batch = Examples(jnp.array(users), jnp.array(items), jnp.ones(3))
    np.testing.assert_allclose(
        model.squared_error(params, batch), np.square(got - 1), rtol=1e-6
    )


def test_parameters_are_counted_as_in_table_14():
    # The published full table: 155.2K parameters at d = 16, rounded to users + items
    # of about 9.7K; the rerun on 6,040 users and 3,706 items has 155.9K.
    model = MatrixFactorization(
        ant.FullEmbedding(6040, 16), ant.FullEmbedding(3706, 16)
    )
    assert model.num_params(model.init(jax.random.key(0))) == 155_936
    biased = MatrixFactorization(
        ant.AnchorEmbedding(60, 16, 5), ant.AnchorEmbedding(40, 16, 10), True
    )
    params = biased.init(jax.random.key(0))
    params = params._replace(
        users=params.users._replace(transform=jnp.zeros((60, 5)).at[3, 2].set(1.0))
    )
    expected = 5 * 16 + 1 + 10 * 16 + 40 * 10 + 60 + 40
    assert biased.num_params(params) == expected
