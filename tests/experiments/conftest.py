"""What the tests of all programs have in common."""

import os

import jax
import pytest


@pytest.fixture(scope="module")
def quick_compilation():
    """Compiles without much care, which here takes longer than to train."""
    if os.environ.get("XLA_FLAGS"):  # every test does, see tests/conftest.py
        yield
        return
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    # Other tests must not run what was compiled so.
    jax.clear_caches()
