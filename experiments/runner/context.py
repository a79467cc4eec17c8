"""What a task is given of a run: data on devices, and random keys."""

from typing import Any

import jax
from jax.sharding import Mesh

from ant_jax import training
from experiments.runner.splits import Splits


class Context:
    """The data of a run on the devices of a mesh, and its keys.

    Attributes:
      mesh: see `training.data_mesh`.
      splits: the data.
      init_key: of the first parameters.
      shuffle_key: of the epochs' orders.
      noise_key: of the noise of every step.
    """

    def __init__(self, splits: Any, mesh: Mesh, seed: int) -> None:
        self.mesh, self.splits = mesh, training.replicate(Splits(*splits), mesh)
        keys = jax.random.split(jax.random.key(seed), 3)
        self.init_key, self.shuffle_key, self.noise_key = keys
