"""The state of lazy rows from step to step, and the part of it that a batch reads."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, Int, Integer

from ant_jax.optim.lazy.layout import Layout
from ant_jax.optim.rules import Slots

# Values of `status`: errors that cannot be raised under `jit` wait here until they can.
OK, OUT_OF_RANGE, OUT_OF_STEPS, NOT_SETTLED = range(4)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["words", "timeline", "count", "status"],
    meta_fields=["layout", "steps"],
)
@dataclasses.dataclass(frozen=True)
class LazyTable:
    """A table in training: a pytree to be carried, donated and checkpointed.

    Attributes:
      words: rows with their optimizer state as in `layout`, integers (V, width).
      timeline: sums over steps that waiting rows need, float (steps + 1, 4).
      count: steps taken, int32 ().
      status: 0, or the code of an error, int32 (); `LazyRows.check` raises it.
      layout: position of everything in a row; static.
      steps: the step counts at which `timeline` begins and ends; static.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.optim import LazyRows, rules
      >>> table = LazyRows(rules.sgd(), 0.5, num_steps=9).init(jnp.ones((5, 2)))
      >>> table.num_rows, table.count.item(), table.steps
      (5, 0, (0, 9))
    """

    # No shapes here: transformations also put other objects than arrays into a pytree.
    words: Any
    timeline: Any
    count: Any
    status: Any
    layout: Layout
    steps: tuple[int, int]

    @property
    def num_rows(self) -> int:
        """The number V of rows."""
        return self.words.shape[0]


class Pulled(NamedTuple):
    """The rows of a batch as an ordinary small table.

    Attributes:
      rows: values at the current step, float (batch, columns).
      ids: the ids of the batch, renumbered to index `rows`, in their original shape.
      row_ids: index of each row in the large table, int32 (batch,); V or more for rows
        that are not written back.
      slots: the optimizer's arrays of these rows, by name.
      free: True where there is no penalty, bool (batch, columns); None for nowhere.

    Example:
      >>> import jax.numpy as jnp
      >>> from ant_jax.optim import LazyRows, rules
      >>> lazy = LazyRows(rules.sgd(), 0.5, num_steps=9)
      >>> table = lazy.init(jnp.array([[1.0], [2.0], [3.0]]))
      >>> table, pulled = lazy.pull(table, jnp.array([2, 0]))
      >>> pulled.rows.tolist(), pulled.ids.tolist()
      ([[3.0], [1.0]], [0, 1])
    """

    rows: Float[Array, "batch columns"]
    ids: Integer[Array, "..."]
    row_ids: Int[Array, " batch"]
    slots: Slots
    free: Bool[Array, "batch columns"] | None


def check_status(table: LazyTable) -> None:
    """Raises the error of a step under `jit`; does nothing when called under `jit`.

    Raises:
      ValueError: the status is not `OK`.
    """
    if isinstance(table.status, jax.core.Tracer):
        return
    status = int(table.status)
    if status != OK:
        raise ValueError(complaint(status, table))


def complaint(status: int, table: LazyTable, first: int | None = None) -> str:
    """The message for a status; `first` is where the next `LazyRows` would begin."""
    size, (start, stop) = table.num_rows, table.steps
    if status == OUT_OF_RANGE:
        return (
            f"After step {int(table.count)} ids outside [-{size}, {size}) were pulled. "
            "The table has not changed since."
        )
    if status == OUT_OF_STEPS:
        return (
            f"All {stop} steps have been taken; later ones were dropped. Set a larger "
            "num_steps from the start, or settle the table here and let "
            f"LazyRows(..., first_step={stop}) resume it."
        )
    return (
        "Some rows were last updated before step "
        f"{start if first is None else first}. Settle the table with the LazyRows that "
        "took the earlier steps before going on."
    )
