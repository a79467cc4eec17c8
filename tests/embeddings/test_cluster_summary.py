"""The summary of a clustering against a loop over its objects."""

import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ant_jax.embeddings import ClusterEmbedding, ClusterParams, cluster_summary

V, D, K = 50, 3, 6


def random_params(scale=3.0):
    rng = np.random.default_rng(0)
    logits = scale * rng.normal(size=(V, K))
    logits[:, 2] -= 100
    return ClusterParams(jnp.float32(logits), jnp.float32(rng.normal(size=(K, D))))


@pytest.mark.parametrize("tolerance", [0.0, 0.1, 1.0])
def test_against_a_loop(tolerance):
    params = random_params()
    entropy, differ, used = 0.0, 0, []
    for v in range(V):
        weights = [math.exp(x) for x in params.logits[v]]
        weights = [w / sum(weights) for w in weights]
        entropy -= sum(w * math.log(w) for w in weights if w)
        hard = max(range(K), key=weights.__getitem__)
        used.append(hard)
        mean = sum(w * np.float64(params.embedding[k]) for k, w in enumerate(weights))
        vector = np.float64(params.embedding[hard])
        length = math.sqrt(sum(vector**2))
        differ += math.sqrt(sum((mean - vector) ** 2)) > tolerance * length
    found = cluster_summary(params, tolerance)
    assert found.num_clusters == K
    assert found.num_dead == K - len(set(used)) >= 1
    assert found.largest_share == max(map(used.count, used)) / V
    assert found.entropy == pytest.approx(entropy / V, rel=1e-6)
    assert found.soft_share == differ / V
    # The loop agrees with what the embedding itself calls soft and hard.
    emb = ClusterEmbedding(V, D, K)
    ids = np.arange(V)
    soft, hard = (np.asarray(f(params, ids)) for f in (emb.soft_lookup, emb.lookup))
    distance = np.linalg.norm(soft - hard, axis=1)
    length = np.linalg.norm(hard, axis=1)
    assert found.soft_share == np.mean(distance > tolerance * length)


def test_nothing_is_settled_or_all_is():
    same = cluster_summary(random_params(0.0)._replace(logits=jnp.zeros((V, K))))
    assert same.entropy == pytest.approx(math.log(K))
    assert (same.soft_share, same.num_dead, same.largest_share) == (1.0, K - 1, 1.0)
    settled = cluster_summary(random_params(1e5))
    assert settled.entropy == pytest.approx(0.0, abs=1e-12)
    assert settled.soft_share == 0.0


def test_blocks_of_objects_do_not_matter(monkeypatch):
    whole = cluster_summary(random_params())
    # By name the function would be found, which is called as its module is.
    module = sys.modules["ant_jax.embeddings.cluster_summary"]
    monkeypatch.setattr(module, "_BLOCK", 7)
    parts = cluster_summary(random_params())
    assert parts.entropy == pytest.approx(whole.entropy)
    assert (parts.num_dead, parts.soft_share, parts.largest_share) == (
        whole.num_dead,
        whole.soft_share,
        whole.largest_share,
    )


def test_fresh_parameters_are_everywhere():
    emb = ClusterEmbedding(V, D, K)
    found = cluster_summary(emb.init(jax.random.key(0)))
    assert found.entropy > 0.999 * math.log(K)
    assert found.soft_share > 0.9


def test_bad_input():
    with pytest.raises(ValueError, match="tolerance must not be negative"):
        cluster_summary(random_params(), -1.0)
    broken = random_params()._replace(logits=jnp.full((V, K), jnp.nan))
    with pytest.raises(ValueError, match="training has diverged"):
        cluster_summary(broken)
