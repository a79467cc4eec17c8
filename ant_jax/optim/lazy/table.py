"""What lazy rows carry from step to step, and what a batch is given of them."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, Int, Integer

from ant_jax.optim.lazy.layout import Layout
from ant_jax.optim.rules import Slots

# Values of `status`. What cannot be raised under `jit` is kept here until it can be.
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
      words: the rows and their state, as `layout` has them, integers (V, width).
      timeline: what idle steps do, one row a step, float (steps + 1, 4).
      count: steps taken, int32 ().
      status: 0, or what went wrong, int32 (); `LazyRows.check` says it in words.
      layout: which word is what; static.
      steps: the step counts `timeline` begins and ends at; static.
    """

    # No shapes here: transformations put other things than arrays into a pytree.
    words: Any
    timeline: Any
    count: Any
    status: Any
    layout: Layout
    steps: tuple[int, int]

    @property
    def num_rows(self) -> int:
        """Rows V of the table."""
        return self.words.shape[0]


class Pulled(NamedTuple):
    """The rows of a batch as an ordinary small table."""

    rows: Float[Array, "batch columns"]  # values at the current step
    ids: Integer[Array, "..."]  # the batch's ids, renumbered to index `rows`
    row_ids: Int[Array, " batch"]  # in the large table; >= V: not to be written
    slots: Slots  # the optimizer's arrays of these rows
    free: Bool[Array, "batch columns"] | None  # True: without penalty


def check_status(table: LazyTable) -> None:
    """Raises what a step under `jit` could not; under `jit` it does nothing.

    Raises:
      ValueError: the status is not `OK`.
    """
    if isinstance(table.status, jax.core.Tracer):
        return
    status = int(table.status)
    if status != OK:
        raise ValueError(complaint(status, table))


def complaint(status: int, table: LazyTable, first: int | None = None) -> str:
    """What a status means, and what to do; `first` is the step of who would go on."""
    size, (start, stop) = table.num_rows, table.steps
    if status == OUT_OF_RANGE:
        return (
            f"After step {int(table.count)} ids outside [-{size}, {size}) were pulled. "
            "The table is as it was before."
        )
    if status == OUT_OF_STEPS:
        return (
            f"All {stop} steps are taken; later ones were dropped. Give more num_steps "
            "from the start, or settle the table here and let "
            f"LazyRows(..., first_step={stop}) resume it."
        )
    return (
        f"The table has rows of steps before {start if first is None else first}. "
        "Settle it, with the LazyRows that took these steps, before going on."
    )
