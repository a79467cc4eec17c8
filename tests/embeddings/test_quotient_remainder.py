"""Quotient and remainder: no two objects share both rows."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from ant_jax.embeddings import QuotientRemainderEmbedding, QuotientRemainderParams


@pytest.mark.parametrize(
    ("vocab", "num_remainders"), [(1, 1), (12, 4), (13, 4), (15, 4), (5, 9)]
)
def test_every_object_has_a_pair_of_its_own(vocab, num_remainders):
    emb = QuotientRemainderEmbedding(vocab, 1, num_remainders, "add")
    params = QuotientRemainderParams(
        jnp.arange(emb.num_quotients, dtype=jnp.float32)[:, None] * 1000,
        jnp.arange(num_remainders, dtype=jnp.float32)[:, None],
    )
    found = np.asarray(jax.jit(emb.matrix)(params))[:, 0]
    assert found.tolist() == [
        1000 * (v // num_remainders) + v % num_remainders for v in range(vocab)
    ]
    assert len(set(found)) == vocab


def test_factors_start_at_one_and_terms_do_not():
    key = jax.random.key(0)
    factors = QuotientRemainderEmbedding(20, 3, 5).init(key)
    assert (factors.quotients == 1).all()
    terms = QuotientRemainderEmbedding(20, 3, 5, "add").init(key)
    assert (terms.quotients != 1).all()
    twos = jax.nn.initializers.constant(2.0)
    emb = QuotientRemainderEmbedding(20, 3, 5, quotients_init=twos)
    assert (emb.init(key).quotients == 2).all()


def test_other_operations_are_refused(monkeypatch):
    # As for a user, without the checks of types, which refuse an unknown name first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="operation must be 'multiply' or 'add'"):
        QuotientRemainderEmbedding(20, 3, 5, "concatenate")
