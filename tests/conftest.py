"""Settings of every test: eight simulated devices and JAX at its strictest."""

import os
from pathlib import Path

# Programs that a test starts inherit these.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
if os.environ["JAX_PLATFORMS"] == "cpu":
    # Most of the time goes to compiling programs that run once, so they are compiled
    # quickly; XLA_FLAGS= on the command line compiles them as for users. XLA names a
    # flag that it does not know, and stops.
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
    )

import hypothesis
import jax
import jaxtyping
import pytest

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# The shapes and dtypes in the library's signatures are checked at every call. The hook
# works on modules that are imported after it.
jaxtyping.install_import_hook("ant_jax", "beartype.beartype")

hypothesis.settings.register_profile(
    "default",
    # The first example of a test pays for compilation.
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    max_examples=50,
    # The same commit passes or fails the same way twice.
    derandomize=bool(os.environ.get("CI")),
)
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("default"), max_examples=1000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def users_compiler() -> dict[str, int | bool]:
    """Options of `jax.jit` for tests of what the compiler makes: bits and buffers.

    They undo XLA_FLAGS above.
    """
    return {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True}


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets named by the variable ANT_JAX_DATA."""
    name = os.environ.get("ANT_JAX_DATA")
    if not name:
        pytest.skip("ANT_JAX_DATA is not set: no real data to test on")
    path = Path(name)
    if not path.is_dir():
        pytest.fail(f"ANT_JAX_DATA names no folder: {name}")
    return path
