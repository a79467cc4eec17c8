"""The code in the README and in docs/ runs as it stands."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def users_settings(tmp_path, monkeypatch):
    """A user's JAX is not set to its strictest."""
    monkeypatch.chdir(tmp_path)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def run_blocks(name, *, at_least):
    text = (ROOT / name).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= at_least
    names = {}
    exec("\n".join(blocks), names)
    return names


def test_the_readme(capsys):
    names = run_blocks("README.md", at_least=2)
    assert "640,000" in capsys.readouterr().out
    assert names["vectors"].shape == (2, 16)
    assert names["emb"].num_params(names["params"]) < 80_000


def test_lazy_rows():
    names = run_blocks("docs/lazy_rows.md", at_least=3)
    # Both Flax models learn what they were shown; untouched rows stay as they were.
    batches, table = names["batches"], names["table"]
    ids = batches[-1]
    targets = jnp.sin(ids.astype(jnp.float32))
    linen = names["Model"](names["V"]).apply({"params": names["params"]}, ids)
    for outputs in (linen, names["model"](ids)):
        assert jnp.mean((outputs - targets) ** 2) < 0.3 * jnp.mean(targets**2)
    assert int(table.count) == len(batches)
