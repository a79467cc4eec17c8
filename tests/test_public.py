"""The names that users hold in their heads, and what importing them costs."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ant_jax as ant

MODULES = {
    *("anchors", "compact", "embeddings", "linen", "losses", "nnx", "nonparametric"),
    *("optim", "params", "pruning", "relations", "training"),
}
NAMES = {
    *("AnchorEmbedding", "AnchorParams", "Embedding", "Factored", "FullEmbedding"),
    *("FullParams", "LazyRows", "keep_zeros", "param_labels", "proximal"),
    *("proximal_adagrad", "proximal_adam", "proximal_amsgrad", "proximal_sgd"),
    *("proximal_yogi", "prune_to_size", "prune_to_tolerance", "sparsity"),
    *("with_proximal", "yogi"),
}


def test_the_list():
    assert set(ant.__all__) == MODULES | NAMES
    assert set(dir(ant)) >= set(ant.__all__)
    with pytest.raises(AttributeError, match="no attribute 'HashEmbedding'"):
        _ = ant.HashEmbedding


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules(name):
    module = getattr(ant, name)
    assert inspect.ismodule(module)
    assert module.__name__.rpartition(".")[2] == name
    assert inspect.getdoc(module)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_names_have_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(ant, name))


def test_type_checkers_read_the_same_names():
    (block,) = (
        node
        for node in ast.parse(Path(ant.__file__).read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {}
    for node in block.body:
        (alias,) = node.names
        assert alias.asname == alias.name  # a public name by PEP 484
        imported[alias.name] = node.module
    assert set(imported) == set(ant.__all__)
    for name, package in imported.items():
        found = getattr(__import__(package, fromlist=[name]), name)
        assert getattr(ant, name) is found


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import ant_jax; dir(ant_jax)", {"jax", "flax", "optax", "numpy"}),
        ("import ant_jax; ant_jax.compact.load", {"jax", "flax", "optax"}),
        ("import ant_jax; ant_jax.AnchorEmbedding; ant_jax.yogi", {"flax"}),
        ("import ant_jax; ant_jax.sparsity; ant_jax.with_proximal", {"flax"}),
    ],
)
def test_nothing_is_imported_before_it_is_used(program, absent):
    check = f"{program}\nimport sys; print(*{absent} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", check],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert found.stdout.split() == []
