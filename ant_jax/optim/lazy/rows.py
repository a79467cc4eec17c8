"""A proximal optimizer that moves a row only when it is read, with the dense result."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ant_jax.ops.ids import check_ids, resolve
from ant_jax.optim.lazy import table as tables
from ant_jax.optim.lazy.blocks import over_blocks
from ant_jax.optim.lazy.layout import Layout, Row, as_mask
from ant_jax.optim.lazy.motion import make_motion
from ant_jax.optim.lazy.table import LazyTable, Pulled, check_status, complaint
from ant_jax.optim.lazy.timeline import gap, make_timeline, split
from ant_jax.optim.proximal import Prox
from ant_jax.optim.rules import Metric, Rule
from ant_jax.optim.schedules import ScalarOrSchedule


class LazyRows:
    """A proximal optimizer of one table that touches only the rows of a batch.

    `ant_jax.optim.proximal` moves every row at every step, by momentum and by the
    penalty. Here a row waits until it is next read, and then makes up for the steps it
    missed by a closed form (derived in BUILD_NOTES.md): the result is that of the dense
    optimizer. A step is

        table, pulled = lazy.pull(table, ids)
        gradient = jax.grad(loss)(pulled.rows, pulled.ids)  # an ordinary small table
        table = lazy.push(table, pulled, gradient)

    and costs what the batch touches, for any number of rows. It works under `jit` and
    `lax.scan`; donate the table, or every call copies it.

    Args:
      rule: any rule of `ant_jax.optim.rules` except Adam, whose second moment decays in
        steps without gradient, so that they have no closed form.
      learning_rate: number, or schedule `count -> number` with count from 0.
      l1: weight of the penalty, the papers' lambda_2: number or schedule.
      num_steps: largest step count of the training. Tables over all steps take 16 bytes
        each.
      first_step: step count of the first step: 0, or the last step of another
        `LazyRows` whose table this one will `resume`.
      prox: `nonnegative_soft_threshold` (None), `project_nonnegative`, or `identity`
        for a table without penalty.
      metric: "adaptive" or "euclidean", see `ant_jax.optim.proximal`.
      slot_dtype: dtype in which the optimizer's arrays are stored. bfloat16 halves them
        by stochastic rounding, and the result is no longer exact.

    Raises:
      ValueError: the rule or the prox has no closed form, l1 falls so fast that one
        clamp at the end of a gap is not exact, or an argument is out of range.

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
        learning_rate: ScalarOrSchedule,
        l1: ScalarOrSchedule = 0.0,
        *,
        num_steps: int,
        first_step: int = 0,
        prox: Prox | None = None,
        metric: Metric = "adaptive",
        slot_dtype: DTypeLike = jnp.float32,
    ) -> None:
        if not 0 <= first_step < num_steps < 2**31:
            raise ValueError(
                "Steps must satisfy 0 <= first_step < num_steps < 2^31, got "
                f"{first_step} and {num_steps}."
            )
        if jnp.dtype(slot_dtype) not in (jnp.float32, jnp.bfloat16):
            raise ValueError(
                "slot_dtype must be float32 (no narrower than the values) or bfloat16, "
                f"got {jnp.dtype(slot_dtype)}."
            )
        self.first_step, self.num_steps = first_step, num_steps
        self.halved = jnp.dtype(slot_dtype) == jnp.bfloat16
        self.motion = make_motion(rule, learning_rate, l1, prox, metric)
        self._timeline = make_timeline(
            self.motion.idle,
            learning_rate,
            l1 if self.motion.penalized else 0.0,
            (first_step, num_steps),
            clamped=self.motion.clamped,
            adaptive=self.motion.adaptive,
        )

    def init(
        self,
        values: Float[Array, "vocab columns"],
        unpenalized: Any = None,
    ) -> LazyTable:
        """Starts from a table of values.

        Args:
          values: float32 (V, K), or float64 if JAX has it enabled.
          unpenalized: booleans, True where an entry has no penalty (the constraint
            still holds): an array that broadcasts to (V, K), or a sparse SciPy array of
            exactly that shape, which is never made dense; see
            `ant_jax.relations.unpenalized`.

        Returns:
          The table, at step `first_step`.

        Raises:
          ValueError: the values are not a matrix of such a dtype, or the mask is not
            boolean or does not fit.
        """
        masked = unpenalized is not None
        layout = self._layout(values.shape, values.dtype, masked)
        free = as_mask(unpenalized, values.shape) if masked else None
        return self._table(self._start(layout, values, free), layout)

    def create(
        self,
        key: PRNGKeyArray,
        shape: tuple[int, int],
        initializer: Initializer,
        dtype: DTypeLike = jnp.float32,
        unpenalized: Any = None,
    ) -> LazyTable:
        """Starts from values drawn block by block, for tables that fit in memory once.

        Args:
          key: PRNG key.
          shape: number of rows and columns, (V, K).
          initializer: called as `initializer(key, shape, dtype)` for blocks of rows, so
            that its scale must not depend on the shape.
          dtype: float32 or float64.
          unpenalized: see `init`.

        Returns:
          The table, at step `first_step`.

        Raises:
          ValueError: the shape is not that of a matrix, the dtype is another, or the
            mask is not boolean or does not fit.
        """
        masked = unpenalized is not None
        layout = self._layout(shape, dtype, masked)
        free = as_mask(unpenalized, shape) if masked else None

        @jax.jit
        def build(key: PRNGKeyArray, free: Array | None) -> Array:
            def fill(start: Array, words: Array, block: int) -> Array:
                block_key = jax.random.fold_in(key, start)
                values = initializer(block_key, (block, shape[1]), dtype)
                part = free
                if free is not None:
                    part = lax.dynamic_slice_in_dim(free, start, block)
                return self._start(layout, values, part)

            words = jnp.zeros((shape[0], layout.width), layout.word)
            return over_blocks(fill, words)

        return self._table(build(key, free), layout)

    def resume(self, table: LazyTable) -> LazyTable:
        """Continues with a table that another `LazyRows` has settled at `first_step`.

        Args:
          table: the table, of the same rule; not under `jit`.

        Returns:
          The table, for the steps of this `LazyRows`.

        Raises:
          ValueError: the table is at another step, has rows that are not settled, holds
            the state of another rule, or see `check`.
        """
        check_status(table)
        self._check_layout(table)
        if int(table.count) != self.first_step:
            raise ValueError(
                f"The table is at step {int(table.count)}, but this LazyRows begins at "
                f"step {self.first_step}."
            )
        if bool(jnp.any(table.words[:, -1] != self.first_step)):
            raise ValueError(complaint(tables.NOT_SETTLED, table, self.first_step))
        return dataclasses.replace(
            table,
            timeline=split(self._timeline, table.layout.dtype),
            steps=(self.first_step, self.num_steps),
        )

    def pull(
        self,
        table: LazyTable,
        ids: ArrayLike,
        *,
        like: Pulled | None = None,
        active: Bool[Array, " columns"] | None = None,
    ) -> tuple[LazyTable, Pulled]:
        """Reads the rows of a batch, moved up to the current step.

        Args:
          table: the table.
          ids: integers of any shape (...); an id in [-V, 0) counts from the end.
          like: a `Pulled` of another table with the same number of rows for the same
            ids; its numbering is reused, so that one set of ids indexes both.
          active: columns that move in this step and moved in those that rows waited,
            bool (K,); the others keep their values and state. None for all of them. To
            change it, settle the table with the previous value first.

        Returns:
          The table to use from here on, and the rows as an ordinary table with one row
          for each id, which the renumbered ids index. Equal ids share one row, in which
          the gradient of an indexing sums up; the other rows of equal ids are copies,
          whose gradient is dropped.

        Raises:
          ValueError: ids are not integers, `like` has a different number of them, or
            they are outside [-V, V). The last cannot be raised under `jit`: such rows
            are NaN, nothing is written from then on, and the next `settle` or `values`
            outside `jit` raises.
        """
        self._check_steps(table)
        layout, size = table.layout, table.num_rows
        ids = check_ids(ids)
        if like is not None and like.ids.size != ids.size:
            raise ValueError(
                f"like has {like.ids.size} ids, but this batch has {ids.size}: it must "
                "have been pulled for the same ids."
            )
        index, valid = resolve(ids.reshape(-1), size)

        # Every id writes its place in the batch into its row, and one of equal ids
        # wins: duplicates merge without a sort, in memory that is read next anyway.
        places = lax.iota(jnp.int32, len(index))
        words = table.words
        if like is None:
            words = words.at[index, 0].set(places.astype(layout.word), mode="drop")
        # The rows are read after all their last words, which the check needs: single
        # words of many rows are fetched together, long rows one after the other.
        last = words.at[index, -1].get(mode="clip").astype(jnp.int32)
        oldest = jnp.min(jnp.where(valid, last, -1), initial=self.num_steps)
        fault = jnp.where(oldest < 0, tables.OUT_OF_RANGE, tables.NOT_SETTLED)
        fault = jnp.where(oldest < self.first_step, fault, tables.OK)
        status = jnp.where(table.status == tables.OK, fault, table.status)
        read = words.at[jnp.where(fault == tables.NOT_SETTLED, size, index)].get(
            mode="clip"
        )
        # Without this a read may move past the next write, which then copies the table.
        read, words = lax.optimization_barrier((read, words))

        table = dataclasses.replace(table, words=words, status=status)
        row = self._settled(table, layout.unpack(read), valid, active)
        place = read[:, 0].astype(jnp.int32) if like is None else like.ids.reshape(-1)
        return table, Pulled(
            rows=row.values,
            ids=place.reshape(ids.shape),
            row_ids=jnp.where(place == places, index, size + places),
            slots=row.slots,
            free=row.free,
        )

    def push(
        self,
        table: LazyTable,
        pulled: Pulled,
        gradient: Float[Array, "batch columns"],
        *,
        active: Bool[Array, " columns"] | None = None,
    ) -> LazyTable:
        """Takes a step with the gradient of the pulled rows and writes them back.

        Args:
          table: the table that `pull` returned.
          pulled: the rows that `pull` returned.
          gradient: gradient of the loss with respect to `pulled.rows`, float (batch,
            K).
          active: as given to `pull`.

        Returns:
          The table after the step.

        Raises:
          ValueError: rows or gradient have another shape, or all steps have been taken.
            The latter cannot be raised under `jit`: nothing is written from then on,
            and the next `settle` or `values` outside `jit` raises.
        """
        self._check_steps(table)
        layout, size, count = table.layout, table.num_rows, table.count
        if pulled.rows.shape[1] != layout.columns:
            raise ValueError(
                f"The table has {layout.columns} columns, but the pulled rows have "
                f"{pulled.rows.shape[1]}: they are of another table."
            )
        if gradient.shape != pulled.rows.shape:
            raise ValueError(
                f"The gradient has the shape {gradient.shape}, but the pulled rows "
                f"have {pulled.rows.shape}."
            )
        if not isinstance(count, jax.core.Tracer) and int(count) >= self.num_steps:
            raise ValueError(complaint(tables.OUT_OF_STEPS, table))
        spent = (table.status == tables.OK) & (count >= self.num_steps)
        status = jnp.where(spent, tables.OUT_OF_STEPS, table.status)
        good = status == tables.OK
        values, slots = self.motion.step(
            count,
            pulled.rows,
            pulled.slots,
            gradient.astype(layout.dtype),
            pulled.free,
            good,
            active,
        )
        places = lax.iota(jnp.int32, len(values))
        settled = jnp.zeros_like(places) + (count + 1)
        new = layout.pack(Row(values, slots, pulled.free, settled), places)
        index = jnp.where(good, pulled.row_ids, size + places)
        return dataclasses.replace(
            table,
            words=table.words.at[index].set(new, mode="drop", unique_indices=True),
            count=jnp.where(good, count + 1, count),
            status=status,
        )

    def settle(
        self, table: LazyTable, active: Bool[Array, " columns"] | None = None
    ) -> LazyTable:
        """Moves every row up to the current step, in place if the table is donated.

        Args:
          table: the table.
          active: columns that moved until now, see `pull`.

        Returns:
          The table, whose rows have the same values as before at the current step.

        Raises:
          ValueError: see `check`.
        """
        self.check(table)
        return self._settle(table, active)

    def values(
        self, table: LazyTable, active: Bool[Array, " columns"] | None = None
    ) -> Float[Array, "vocab columns"]:
        """The values at the current step; the table itself is not changed.

        Args:
          table: the table.
          active: columns that moved until now, see `pull`.

        Returns:
          float (V, K).

        Raises:
          ValueError: see `check`.
        """
        self.check(table)
        return self._values(table, active)

    def check(self, table: LazyTable) -> None:
        """Raises the errors of steps under `jit`; does nothing when called under `jit`.

        Args:
          table: the table.

        Raises:
          ValueError: ids were out of range, there were more than `num_steps` steps, or
            the table was not settled before `first_step`. Nothing has been written
            since: the rows are those of the step before.
        """
        self._check_steps(table)
        check_status(table)

    def _check_steps(self, table: LazyTable) -> None:
        if table.steps != (self.first_step, self.num_steps):
            raise ValueError(
                f"The table is for steps {table.steps[0]} to {table.steps[1]}, but "
                f"this LazyRows is for {self.first_step} to {self.num_steps}: settle "
                "with the previous LazyRows, then call resume."
            )
        self._check_layout(table)

    def _check_layout(self, table: LazyTable) -> None:
        layout, width = table.layout, table.words.shape[1]
        own = self._layout((1, layout.columns), layout.dtype, layout.masked)
        if layout != own:
            raise ValueError(
                f"The table is stored as {layout}, but this LazyRows has {own}: use "
                "the same rule and slot_dtype."
            )
        if width != layout.width:
            raise ValueError(
                f"The rows of the table have {width} words, but its layout has "
                f"{layout.width}: they belong to different tables."
            )

    @functools.partial(jax.jit, static_argnums=0)
    def _settle(self, table: LazyTable, active: Array | None) -> LazyTable:
        def move(start: Array, words: Array, block: int) -> Array:
            part = lax.dynamic_slice_in_dim(words, start, block)
            row = self._settled(table, table.layout.unpack(part), active=active)
            return table.layout.pack(row, lax.iota(jnp.int32, block))

        return dataclasses.replace(table, words=over_blocks(move, table.words))

    @functools.partial(jax.jit, static_argnums=0)
    def _values(self, table: LazyTable, active: Array | None) -> Array:
        def move(start: Array, values: Array, block: int) -> Array:
            del values
            part = lax.dynamic_slice_in_dim(table.words, start, block)
            row = self._settled(table, table.layout.unpack(part), active=active)
            return row.values

        shape = table.num_rows, table.layout.columns
        return over_blocks(move, jnp.zeros(shape, table.layout.dtype))

    def _settled(
        self,
        table: LazyTable,
        row: Row,
        valid: Array | None = None,
        active: Array | None = None,
    ) -> Row:
        """Moves rows from the step they were settled at to the current one."""
        then = row.settled - self.first_step
        now = table.count - self.first_step
        past = gap(table.timeline, self.motion.momentum, then, now)
        valid = jnp.ones_like(row.settled, bool) if valid is None else valid
        values, slots = self.motion.wait(
            row.values, row.slots, row.free, past, valid, active
        )
        return Row(values, slots, row.free, jnp.zeros_like(row.settled) + table.count)

    def _layout(self, shape: tuple[int, ...], dtype: DTypeLike, masked: bool) -> Layout:
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"The table must be a matrix, got the shape {shape}.")
        dtype = jnp.dtype(dtype)
        if dtype not in (jnp.float32, jnp.float64):
            raise ValueError(
                f"The table must be float32 or float64, got {dtype}, in which the "
                "small steps of waiting rows would be lost to rounding."
            )
        if self.halved and dtype != jnp.float32:
            raise ValueError("slot_dtype bfloat16 requires a table of float32.")
        slots = jax.eval_shape(
            self.motion.rule.init, jax.ShapeDtypeStruct((1, 1), dtype)
        )
        return Layout(shape[1], tuple(sorted(slots)), dtype.name, self.halved, masked)

    def _start(self, layout: Layout, values: Array, free: Array | None) -> Array:
        places = lax.iota(jnp.int32, len(values))
        row = Row(
            values,
            self.motion.rule.init(values),
            free,
            jnp.zeros_like(places) + self.first_step,
        )
        return layout.pack(row, places)

    def _table(self, words: Array, layout: Layout) -> LazyTable:
        return LazyTable(
            words=words,
            timeline=split(self._timeline, layout.dtype),
            count=jnp.full((), self.first_step, jnp.int32),
            status=jnp.full((), tables.OK, jnp.int32),
            layout=layout,
            steps=(self.first_step, self.num_steps),
        )
