"""Settings of every test: eight simulated devices and JAX at its strictest."""

import os
from pathlib import Path

# Programs that a test starts inherit these.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jax
import jaxtyping
import pytest

# Most of the time goes to compiling programs that run once, so they are compiled
# quickly; XLA_FLAGS= on the command line compiles them as for users. XLA stops at a
# flag that it does not know: later releases have no choice of emitters.
_QUICK: dict[str, int | bool] = {"xla_backend_optimization_level": 0}
_USERS: dict[str, int | bool] = {"xla_backend_optimization_level": 3}
if jax.__version_info__ < (0, 11):
    _QUICK["xla_cpu_use_fusion_emitters"] = False
    _USERS["xla_cpu_use_fusion_emitters"] = True
if os.environ["JAX_PLATFORMS"] == "cpu":
    os.environ.setdefault(
        "XLA_FLAGS", " ".join(f"--{name}={int(v)}" for name, v in _QUICK.items())
    )

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
    return dict(_USERS)


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
