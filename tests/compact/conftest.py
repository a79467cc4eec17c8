"""What the tests of shipped tables have in common."""

import jax
import pytest


@pytest.fixture(scope="session")
def lookup(users_compiler):
    """What the trained embedding returns, in a program compiled as for users."""

    def call(emb, params, ids):
        return emb.lookup(params, ids)

    return jax.jit(call, static_argnums=0, compiler_options=users_compiler)
