"""The code in the README runs as it stands."""

import re
from pathlib import Path

import jax

README = Path(__file__).resolve().parent.parent / "README.md"


# A user's JAX is not set to its strictest.
@jax.numpy_dtype_promotion("standard")
def test_the_python_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 2
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("\n".join(blocks), names)
    assert "of 160000" in capsys.readouterr().out
    assert names["vectors"].shape == (2, 16)
    assert names["emb"].num_params(names["params"]) < 80_000
