"""Where arrays live: parameters on every device, each batch cut across all of them."""

from collections.abc import Sequence
from typing import TypeVar

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")
DATA_AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A one-dimensional mesh over these devices, all local ones when none are given."""
    devices = jax.local_devices() if devices is None else devices
    return jax.make_mesh(
        (len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices
    )


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """A copy of every array on every device of the mesh."""
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

    Raises:
      ValueError: saying what batch sizes would do.
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
