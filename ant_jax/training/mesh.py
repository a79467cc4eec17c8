"""Where arrays live: parameters on every device, each batch cut across all of them."""

from collections.abc import Sequence
from typing import TypeVar

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")
DATA_AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A one-dimensional mesh, along which batches are cut.

    Args:
      devices: the devices; all local ones when None.

    Returns:
      The mesh, its axis `data` of type Auto.

    Example:
      >>> data_mesh(jax.devices()[:1]).shape["data"]
      1
    """
    devices = jax.local_devices() if devices is None else devices
    return jax.make_mesh(
        (len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices
    )


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """A copy of every array on every device of the mesh.

    Args:
      tree: a pytree of arrays.
      mesh: see `data_mesh`.

    Returns:
      The pytree on the devices.

    Example:
      >>> mesh = data_mesh(jax.devices()[:1])
      >>> replicate({"x": jax.numpy.ones(2)}, mesh)["x"].sharding.is_fully_replicated
      True
    """
    return jax.device_put(tree, replicated(mesh))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of what every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def shard_batch(batch: Tree, mesh: Mesh) -> Tree:
    """Cuts the leading axis of every array of a batch across the mesh, under `jit`."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA_AXIS))
    return jax.lax.with_sharding_constraint(batch, sharding)


def check_batch_size(batch_size: int, mesh: Mesh, examples: int) -> None:
    """Refuses a batch that the devices cannot share equally or the data cannot fill.

    Args:
      batch_size: examples a step.
      mesh: see `data_mesh`.
      examples: examples of the data.

    Raises:
      ValueError: saying what batch sizes would do.

    Example:
      >>> check_batch_size(64, data_mesh(jax.devices()[:1]), examples=32)
      Traceback (most recent call last):
      ...
      ValueError: batch_size 64 is larger than the 32 training examples; use a ...
    """
    count = mesh.size
    if batch_size % count:
        below, above = batch_size // count * count, -(-batch_size // count) * count
        near = f"{below} or {above}" if below else str(above)
        raise ValueError(
            f"batch_size {batch_size} does not divide by {count} devices; use {near}."
        )
    if batch_size > examples:
        raise ValueError(
            f"batch_size {batch_size} is larger than the {examples} training examples; "
            "use a smaller one."
        )
