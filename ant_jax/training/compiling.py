"""Options for the compiler that suit a training step."""

from jax.sharding import Mesh

# Fewer examples are not worth handing over to a second thread.
_FEW_EXAMPLES = 256


def step_options(mesh: Mesh, batch_size: int) -> dict[str, str]:
    """What to compile steps by lazy rows with, for `jax.jit(compiler_options=...)`.

    On a CPU, XLA cuts loops into a part for every core where they seem long enough. It
    takes reading some rows of a table for as long as reading all of it, so that steps
    of a few examples spend their time handing over parts from thread to thread. For
    small batches that pass of the compiler is left out.

    Args:
      mesh: see `data_mesh`.
      batch_size: examples a step.

    Returns:
      Options by name, none where the default is right.
    """
    if mesh.devices.flat[0].platform != "cpu" or batch_size >= _FEW_EXAMPLES:
        return {}
    return {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"}
