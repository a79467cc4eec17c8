"""Tables whose rows move only when they are read, with the result of a dense optimizer."""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from ant_jax.embeddings.base import check_ids
from ant_jax.optim import prox as proxes
from ant_jax.optim.lazy.layout import Layout, Row
from ant_jax.optim.lazy.timeline import Schedule, Timeline, gap, make_timeline, split
from ant_jax.optim.proximal import Prox
from ant_jax.optim.rules import Rule, Slots

_OUT_OF_RANGE, _OUT_OF_STEPS, _NOT_SETTLED = 1, 2, 3
_BLOCK = 1 << 14  # rows at a time where the whole table is gone through

# Operators of which many steps are one, and whether they keep values at or above 0.
_CLAMPED = {
    proxes.nonnegative_soft_threshold: True,
    proxes.project_nonnegative: True,
    proxes.identity: False,
}


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["words", "timeline", "count", "status"],
    meta_fields=["layout"],
)
@dataclasses.dataclass(frozen=True)
class LazyTable:
    """A table in training: a pytree to be carried, donated and checkpointed.

    Attributes:
      words: rows with their state, as `layout` has them.
      timeline: what idle steps do, one row a step.
      count: steps taken, int32 ().
      status: 0, or what went wrong, which the next settle reports.
      layout: which word is what; static.
    """

    words: Int[Array, "vocab width"]
    timeline: Timeline
    count: Int[Array, ""]
    status: Int[Array, ""]
    layout: Layout


class Pulled(NamedTuple):
    """The rows of a batch as an ordinary small table."""

    rows: Float[Array, "batch columns"]  # values at the current step
    ids: Integer[Array, "..."]  # the batch's ids, renumbered to index `rows`
    index: Int[Array, " batch"]  # row of the large table; >= V where it is a duplicate
    slots: Slots
    free: Bool[Array, "batch columns"] | None


class LazyRows:
    """A proximal optimizer of one table that touches only the rows of a batch.

    `ant_jax.proximal` moves every row at every step: momentum glides on and the penalty
    shrinks. Here a row waits until it is next read and then makes up for the steps it
    missed by a closed form, exactly. A step is

        table, pulled = lazy.pull(table, ids)
        gradient = jax.grad(loss)(pulled.rows, pulled.ids, ...)   # an ordinary table
        table = lazy.push(table, pulled, gradient)

    and costs what the batch touches, whatever the number of rows. It works under `jit`
    and `lax.scan`; donate the table, or every step copies it.

    Args:
      rule: see `ant_jax.optim.rules`; all but Adam, whose second moment decays in idle
        steps so that they have no closed form.
      learning_rate: number, or schedule `count -> number` with count from 0.
      l1: weight of the penalty, number or schedule.
      num_steps: the step count at which training ends at the latest. The table of what
        idle steps do takes 16 bytes a step.
      first_step: the step count at which it begins; not 0 where another `LazyRows`
        went before.
      prox: `nonnegative_soft_threshold` (None), `project_nonnegative`, or `identity` for
        a table without penalty.
      metric: "adaptive" or "euclidean", see `ant_jax.proximal`.

    Raises:
      ValueError: the rule or the prox has no closed form, l1 falls so fast that a clamp
        at the end of a gap is not exact, or an argument is out of range.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from ant_jax.optim import rules
      >>> lazy = LazyRows(rules.sgd(), 0.5, l1=0.1, num_steps=100)
      >>> table = lazy.init(jnp.ones((1000, 2)))
      >>> for _ in range(10):
      ...     table, pulled = lazy.pull(table, jnp.array([7, 7]))
      ...     grad = jax.grad(lambda rows: jnp.sum(rows[pulled.ids]))(pulled.rows)
      ...     table = lazy.push(table, pulled, grad)
      >>> lazy.values(table)[jnp.array([0, 7])].round(3).tolist()
      [[0.5, 0.5], [0.0, 0.0]]
    """

    def __init__(
        self,
        rule: Rule,
        learning_rate: Schedule,
        l1: Schedule = 0.0,
        *,
        num_steps: int,
        first_step: int = 0,
        prox: Prox | None = None,
        metric: str = "adaptive",
    ) -> None:
        if rule.idle is None:
            raise ValueError(
                "This rule has no closed form for the steps in which a row has no "
                "gradient (Adam's second moment decays in them); use amsgrad or yogi, "
                "or the dense ant_jax.proximal."
            )
        prox = proxes.nonnegative_soft_threshold if prox is None else prox
        if prox not in _CLAMPED:
            names = ", ".join(sorted(known.__name__ for known in _CLAMPED))
            raise ValueError(
                f"{getattr(prox, '__name__', prox)} has no closed form over many steps; "
                f"lazy rows are exact for {names}. Use the dense ant_jax.proximal."
            )
        if metric not in ("adaptive", "euclidean"):
            raise ValueError(
                f"metric must be 'adaptive' or 'euclidean', got {metric!r}."
            )
        if not 0 <= first_step < num_steps < 2**31:
            raise ValueError(
                "Steps must satisfy 0 <= first_step < num_steps < 2^31, got "
                f"{first_step} and {num_steps}."
            )
        self.rule, self.idle, self.prox = rule, rule.idle, prox
        self.learning_rate, self.l1 = learning_rate, l1
        self.first_step, self.num_steps = first_step, num_steps
        self.clamped = _CLAMPED[prox]
        self.adaptive = metric == "adaptive" or rule.uniform
        penalized = prox is proxes.nonnegative_soft_threshold
        self._timeline = make_timeline(
            self.idle,
            learning_rate,
            l1 if penalized else 0.0,
            (first_step, num_steps),
            clamped=self.clamped,
            adaptive=self.adaptive,
        )

    def init(
        self,
        table: Float[Array, "vocab columns"],
        unpenalized: Bool[Array, "..."] | None = None,
    ) -> LazyTable:
        """Starts from a table of values.

        Args:
          table: float32, or float64 where JAX has that enabled.
          unpenalized: True where an entry is free of the penalty (the constraint still
            holds there); broadcasts to the shape of the table.

        Raises:
          ValueError: the table is not a matrix of such a dtype, or the mask is not
            boolean or does not fit.
        """
        layout = self._layout(table.shape, table.dtype, unpenalized is not None)
        free = None
        if unpenalized is not None:
            free = _check_mask(unpenalized, table.shape)
        return self._table(self._pack_start(layout, table, free), layout)

    def create(
        self,
        key: PRNGKeyArray,
        shape: tuple[int, int],
        initializer: Any,
        dtype: Any = jnp.float32,
    ) -> LazyTable:
        """Starts a table too large to be built beside its state, block by block.

        Args:
          key: key of the draw.
          shape: rows and columns (V, K).
          initializer: `initializer(key, shape, dtype)`, called for blocks of rows, so its
            scale must not come from the shape: `half_normal(stddev)`, not its default.
          dtype: float32 or float64.
        """
        layout = self._layout(shape, dtype, False)
        block = min(_BLOCK, shape[0])

        @jax.jit
        def build(key: PRNGKeyArray) -> Array:
            def fill(i: Array, words: Array) -> Array:
                start = jnp.minimum(i * block, shape[0] - block)
                drawn = initializer(
                    jax.random.fold_in(key, i), (block, shape[1]), dtype
                )
                packed = self._pack_start(layout, drawn, None)
                return lax.dynamic_update_slice(words, packed, (start, jnp.int32(0)))

            words = jnp.zeros((shape[0], layout.width), layout.word)
            blocks = -(-shape[0] // block)
            return lax.fori_loop(jnp.int32(0), jnp.int32(blocks), fill, words)

        return self._table(build(key), layout)

    def pull(self, table: LazyTable, ids: ArrayLike) -> tuple[LazyTable, Pulled]:
        """Reads the rows of a batch, moved up to the current step.

        Args:
          table: the table.
          ids: integers of any shape (...), as for an embedding: an id in [-V, 0) counts
            from the end.

        Returns:
          The table, to be used from here on, and the rows: an ordinary table of as many
          rows as there are ids, in which the renumbered ids find each id's row.
          Duplicates share the first or another of their places, so that `jax.grad`
          sums their gradients there; places that are not used have no gradient.

        Raises:
          ValueError: ids are not integers, or outside [-V, V). Under `jit` that cannot
            be seen: the rows are then NaN, nothing is written from there on, and the
            next `settle` or `values` raises.
        """
        layout, size = table.layout, len(table.words)
        ids = check_ids(ids)
        shape, flat = ids.shape, ids.reshape(-1)
        if not isinstance(flat, jax.core.Tracer):
            _raise_out_of_range(np.asarray(flat), size)
        valid = (flat < size) & (flat >= -size)
        index = jnp.where(flat < 0, flat + size, flat).astype(jnp.int32)
        index = jnp.where(valid, index, size)
        # Every id writes its place in the batch into its row; one of equal ids wins. This
        # merges duplicates without sorting.
        places = lax.iota(jnp.int32, len(index))
        words = table.words.at[index, 0].set(places.astype(layout.word), mode="drop")
        # Reading the last word first, for all rows, overlaps their cache misses. That the
        # row is read after it follows from a condition that is always true.
        settled = words.at[index, layout.width - 1].get(mode="clip")
        read = words.at[jnp.where(settled >= 0, index, 0)].get(mode="clip")
        read, words = lax.optimization_barrier((read, words))
        place = read[:, 0].astype(jnp.int32)
        row = self._settle_rows(table, layout.unpack(read))
        poison = jnp.where(valid, jnp.zeros((), row.values.dtype), jnp.nan)
        first = jnp.where(valid & (place == places), index, size + places)
        status = jnp.where(
            jnp.all(valid) | (table.status != 0), table.status, _OUT_OF_RANGE
        )
        return (
            dataclasses.replace(table, words=words, status=status),
            Pulled(
                rows=row.values + poison[:, None],
                ids=place.reshape(shape),
                index=first,
                slots=row.slots,
                free=row.free,
            ),
        )

    def push(
        self, table: LazyTable, pulled: Pulled, gradient: Float[Array, "batch columns"]
    ) -> LazyTable:
        """Takes a step with the gradient of the pulled rows and writes them back.

        Args:
          table: what `pull` returned.
          pulled: likewise.
          gradient: of the loss with respect to `pulled.rows`.

        Raises:
          ValueError: the gradient is of another shape, or all steps are taken. Under
            `jit` the latter is raised by the next `settle` or `values`.
        """
        if gradient.shape != pulled.rows.shape:
            raise ValueError(
                f"The gradient is of shape {gradient.shape}, the rows of shape "
                f"{pulled.rows.shape}."
            )
        if not isinstance(table.count, jax.core.Tracer):
            self._raise_out_of_steps(int(table.count))
        layout, size = table.layout, len(table.words)
        count = table.count
        over = count >= self.num_steps
        status = jnp.where(over & (table.status == 0), _OUT_OF_STEPS, table.status)
        step = self.rule.step(gradient.astype(layout.dtype), pulled.slots, count + 1)
        dtype = jnp.dtype(layout.dtype)
        rate = jnp.asarray(_at(self.learning_rate, count), dtype)
        length = rate * step.scale
        half = pulled.rows - length * step.direction
        weight = jnp.asarray(_at(self.l1, count), dtype)
        if pulled.free is not None:
            weight = jnp.where(pulled.free, jnp.zeros_like(weight), weight)
        values = self.prox(half, weight, length if self.adaptive else rate)
        places = lax.iota(jnp.int32, len(values))
        done = jnp.full(len(values), 1, jnp.int32) * (count + 1)
        new = layout.pack(Row(values, step.slots, pulled.free, done), places)
        index = jnp.where(status == 0, pulled.index, size + places)
        words = table.words.at[index].set(new, mode="drop", unique_indices=True)
        taken = jnp.where(status == 0, count + 1, count)
        return dataclasses.replace(table, words=words, count=taken, status=status)

    def settle(self, table: LazyTable) -> LazyTable:
        """Moves every row up to the current step, block by block and in place.

        Raises:
          ValueError: an earlier step under `jit` had ids out of range or went beyond the
            last step; the table is as it was before that step. Under `jit` nothing can
            be raised.
        """
        self.check(table)
        return self._settle(table)

    def values(self, table: LazyTable) -> Float[Array, "vocab columns"]:
        """The table at the current step, shape (V, K).

        Raises:
          ValueError: as `settle`.
        """
        self.check(table)
        return self._values(table)

    def slots(self, table: LazyTable) -> dict[str, Float[Array, "vocab columns"]]:
        """The optimizer's arrays at the current step, by name."""
        self.check(table)
        return table.layout.unpack(self._settle(table).words).slots

    def check(self, table: LazyTable) -> None:
        """Reports what went wrong in steps under `jit`; waits for them.

        Raises:
          ValueError: ids were out of range, steps went beyond the last, or rows had not
            been settled at the first. The table is as it was before that step.
        """
        if isinstance(table.status, jax.core.Tracer):
            return
        status = int(table.status)
        if status == _OUT_OF_RANGE:
            raise ValueError(
                f"Ids outside [-{len(table.words)}, {len(table.words)}) were pulled "
                f"after step {int(table.count)}; nothing was written from there on."
            )
        if status == _OUT_OF_STEPS:
            self._raise_out_of_steps(self.num_steps)
        if status == _NOT_SETTLED:
            raise ValueError(
                f"The table holds rows of steps before {self.first_step}: settle it with "
                "the LazyRows it was trained with, at that step, before going on."
            )

    @functools.partial(jax.jit, static_argnums=0)
    def _settle(self, table: LazyTable) -> LazyTable:
        def body(start: Array, words: Array, block: int) -> Array:
            row = self._settled_block(table, words, start, block)
            places = jnp.zeros(block, jnp.int32)
            packed = table.layout.pack(row, places)
            return lax.dynamic_update_slice(words, packed, (start, jnp.int32(0)))

        words = _over_blocks(len(table.words), table.words, body)
        return dataclasses.replace(table, words=words)

    @functools.partial(jax.jit, static_argnums=0)
    def _values(self, table: LazyTable) -> Array:
        def body(start: Array, values: Array, block: int) -> Array:
            row = self._settled_block(table, table.words, start, block)
            return lax.dynamic_update_slice(values, row.values, (start, jnp.int32(0)))

        layout = table.layout
        values = jnp.zeros((len(table.words), layout.columns), layout.dtype)
        return _over_blocks(len(table.words), values, body)

    def _settled_block(
        self, table: LazyTable, words: Array, start: Array, block: int
    ) -> Row:
        part = lax.dynamic_slice(
            words, (start, jnp.int32(0)), (block, table.layout.width)
        )
        return self._settle_rows(table, table.layout.unpack(part))

    def _settle_rows(self, table: LazyTable, row: Row) -> Row:
        """Moves rows from the step they were settled at to the current one."""
        idle, dtype = self.idle, jnp.dtype(table.layout.dtype)
        now = table.count - self.first_step
        then = row.settled - self.first_step
        past = gap(table.timeline, idle.momentum, then, now)
        shrink = past.shrink[:, None]
        if row.free is not None:
            shrink = jnp.where(row.free, jnp.zeros((), dtype), shrink)
        metric = idle.metric(row.slots).astype(dtype)
        if self.adaptive:
            shrink = metric * shrink
        values = row.values - shrink
        if idle.direction is not None:
            values -= metric * (past.glide[:, None] * idle.direction(row.slots))
        if self.clamped:
            # A row that has missed nothing may be negative still, before its first step.
            floor = jnp.where(past.steps > 0, jnp.zeros((), dtype), -jnp.inf)
            values = jnp.maximum(values, floor[:, None])
        slots = dict(row.slots)
        for name, decay in idle.decay.items():
            slots[name] *= jnp.exp(past.steps * math.log(decay))[:, None]
        return Row(values, slots, row.free, jnp.full_like(row.settled, 1) * table.count)

    def _layout(self, shape: Any, dtype: Any, masked: bool) -> Layout:
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"A table is a matrix of rows, got the shape {shape}.")
        if jnp.dtype(dtype) not in (jnp.float32, jnp.float64):
            raise ValueError(
                f"Values are trained in float32 or float64, got {jnp.dtype(dtype)}; "
                "narrower ones would round away what an idle step does."
            )
        slots = jax.eval_shape(self.rule.init, jax.ShapeDtypeStruct((1, 1), dtype))
        return Layout(shape[1], tuple(sorted(slots)), masked, jnp.dtype(dtype).name)

    def _pack_start(self, layout: Layout, values: Array, free: Any) -> Array:
        rows = values.shape[0]
        zeros = jnp.zeros(rows, jnp.int32)
        row = Row(values, self.rule.init(values), free, zeros + self.first_step)
        return layout.pack(row, zeros)

    def _table(self, words: Array, layout: Layout) -> LazyTable:
        return LazyTable(
            words,
            split(self._timeline, layout.dtype),
            jnp.full((), self.first_step, jnp.int32),
            jnp.zeros((), jnp.int32),
            layout,
        )

    def _raise_out_of_steps(self, count: int) -> None:
        if count >= self.num_steps:
            raise ValueError(
                f"All {self.num_steps} steps are taken; give LazyRows more num_steps."
            )


def _over_blocks(size: int, carry: Array, body: Any) -> Array:
    """Applies `body(start, carry, block)` to blocks that cover all rows once."""
    block = min(_BLOCK, size)
    whole = size // block
    carry = lax.fori_loop(
        jnp.int32(0),
        jnp.int32(whole),
        lambda i, carry: body(i * block, carry, block),
        carry,
    )
    if size % block:
        carry = body(jnp.int32(whole * block), carry, size % block)
    return carry


def _at(schedule: Schedule, count: Array) -> Any:
    return schedule(count) if callable(schedule) else schedule


def _check_mask(unpenalized: Any, shape: Any) -> Array:
    mask = jnp.asarray(unpenalized)
    if mask.dtype != jnp.bool_:
        raise ValueError(f"unpenalized must be boolean, got {mask.dtype}.")
    try:
        return jnp.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(
            f"unpenalized of shape {mask.shape} does not fit a table of shape {shape}."
        ) from None


def _raise_out_of_range(ids: np.ndarray, size: int) -> None:
    if ids.size and not (-size <= ids.min() and ids.max() < size):
        raise ValueError(
            f"Ids must be in [-{size}, {size}), got {ids.min()} to {ids.max()}."
        )
