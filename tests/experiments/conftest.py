"""What the tests of all programs have in common."""

import jax
import pytest


@pytest.fixture(scope="module")
def quick_compilation():
    """Compiles without much care, which here takes longer than to train."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    # Other tests must not run what was compiled so.
    jax.clear_caches()
