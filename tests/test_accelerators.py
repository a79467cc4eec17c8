"""What runs on a CPU also lowers for accelerators, without one being there."""

import jax
import jax.numpy as jnp
import pytest

import ant_jax as ant
from ant_jax import training

EMB = ant.AnchorEmbedding(30, 4, 3)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_an_epoch_lowers(platform):
    tx = ant.proximal_yogi(0.1, l1=0.01)
    mesh = training.data_mesh(jax.local_devices()[:1])
    trainer = training.dense_trainer(
        lambda params, ids: jnp.mean(EMB.lookup(params, ids)), tx, mesh, batch_size=8
    )
    state = trainer.create(EMB.init(jax.random.key(0)))
    traced = trainer.epoch.trace(state, jnp.arange(16), jax.random.key(0))
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    # The optimizer keeps the table's shape there, and lookup is one matrix product.
    assert "tensor<30x3xf32>" in text
    assert "stablehlo.dot_general" in text


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lookup_is_ordered_on_a_cpu_only(platform):
    params = EMB.init(jax.random.key(0))
    traced = jax.jit(EMB.lookup).trace(params, jnp.arange(5))
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ("stablehlo.dot_general" in text) == (platform != "cpu")
