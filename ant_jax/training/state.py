"""What a training run carries from one step to the next."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Array, Int

from ant_jax.optim.lazy import LazyTable


class TrainState(NamedTuple):
    """Parameters, optimizer state and the number of steps taken.

    `Trainer.create` makes one, `Trainer.params` takes the parameters out of it; see the
    examples of `dense_trainer` and `lazy_trainer`.
    """

    step: Int[Array, ""]  # int32 ()
    params: Any  # without the arrays that are in `tables`
    opt_state: Any  # of `params`
    tables: dict[str, LazyTable]  # trained by lazy rows, by name; often none
    # Anchors in use of each table, int32 (), by its name; None: all of all tables.
    active: Mapping[str, Any] | None = None
    carry: Any = None  # what the loss hands on to the next batch; None without one
