"""A trainer that moves the rows of large tables only when a batch reads them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, PRNGKeyArray

from ant_jax.nonparametric.active import check_counts, columns, transforms
from ant_jax.nonparametric.hold import hold_inactive
from ant_jax.optim.lazy import LazyRows
from ant_jax.optim.support import where_nonzero
from ant_jax.params import join_rows, split_rows
from ant_jax.training import mesh as mesh_lib
from ant_jax.training.epoch import StepReport, make_epoch
from ant_jax.training.loss import (
    Loss,
    LossInputs,
    call_loss,
    check_clip_norm,
    clip,
    fresh,
)
from ant_jax.training.state import TrainState
from ant_jax.training.trainer import Trainer, counts, descend, in_use

# Fewer examples are not worth handing over to a second thread.
_FEW_EXAMPLES = 256
Rows = dict[str, Array]  # name of a table -> its rows


class LazyTables(NamedTuple):
    """Which tables of a model are trained by lazy rows, by their names.

    Names are those of `ant_jax.params.split_rows`; see the example of `lazy_trainer`.
    """

    rows: Mapping[str, LazyRows]  # the optimizer of each table
    ids: Mapping[str, str]  # name of a table -> field of a batch that indexes it
    # Entries without penalty, by name of a table; see `LazyRows.init`.
    unpenalized: Mapping[str, Any] = MappingProxyType({})


def lazy_trainer(
    loss_fn: Loss,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    batch_size: int,
    tables: LazyTables,
    *,
    keep_zeros: Sequence[str] = (),
    key: PRNGKeyArray | None = None,
    carry: Any = None,
    clip_norm: float | None = None,
    shuffle: bool = True,
    hold: bool = True,
) -> Trainer:
    """Trains large tables by exact lazy rows, and the rest by a transformation.

    The loss sees ordinary parameters whose tables are as long as a batch, and a batch
    whose ids are renumbered to match: it is the same function as for `dense_trainer`,
    and so are the results.

    Args:
      loss_fn: see `dense_trainer`; the batch is a NamedTuple.
      tx: the optimizer of everything else.
      mesh: see `data_mesh`; every device reads and writes all rows of a batch, and
        computes on its share of it.
      batch_size: examples a step of an epoch.
      tables: which tables, and how they are optimized. A T whose anchors are to be
        removed must have the name of its table, as in `num_anchors`.
      keep_zeros: names of tables in which an entry that is zero stays zero; see
        `optim.keep_zeros`.
      key: see `dense_trainer`.
      carry: see `dense_trainer`.
      clip_norm: see `dense_trainer`; the norm is over rows and all else together.
      shuffle: see `dense_trainer`.
      hold: see `dense_trainer`.

    Returns:
      The trainer.

    Raises:
      ValueError: as in `dense_trainer`; in `create`, there is no table of a name.

    Example:
      >>> from typing import NamedTuple
      >>> import ant_jax as ant
      >>> from ant_jax import training
      >>> class Batch(NamedTuple):
      ...     ids: jax.Array
      >>> emb = ant.AnchorEmbedding(num_embeddings=6, features=2, num_anchors=2)
      >>> def loss(params, batch):
      ...     return jnp.mean((emb.lookup(params["objects"], batch.ids) - 1.0) ** 2)
      >>> lazy = ant.LazyRows(ant.optim.rules.yogi(), 0.1, l1=1e-4, num_steps=60)
      >>> tables = training.LazyTables({"objects": lazy}, ids={"objects": "ids"})
      >>> mesh = training.data_mesh(jax.devices()[:1])
      >>> trainer = training.lazy_trainer(loss, ant.yogi(0.1), mesh, 3, tables)
      >>> state = trainer.create({"objects": emb.init(jax.random.key(0))})
      >>> for epoch in range(30):
      ...     data = Batch(jnp.arange(6))
      ...     state, report = trainer.epoch(state, data, jax.random.key(epoch))
      >>> trainer.params(state)["objects"].transform.shape, bool(report.loss < 0.1)
      ((6, 2), True)
    """
    check_clip_norm(clip_norm)
    tx = hold_inactive(tx) if hold else optax.with_extra_args_support(tx)

    def create(params: Any) -> TrainState:
        values, rest = split_rows(params, tables.rows)
        state = {
            name: tables.rows[name].init(table, tables.unpenalized.get(name))
            for name, table in values.items()
        }
        zero = jnp.zeros((), jnp.int32)
        return TrainState(zero, rest, tx.init(rest), state, carry=fresh(carry))

    def step(state: TrainState, batch: Any) -> tuple[TrainState, StepReport]:
        written, pulled, moves = dict(state.tables), {}, moving(state)
        # Tables of the same ids are numbered as the first of them.
        first: dict[str, Any] = {}
        for name, table in state.tables.items():
            field = tables.ids[name]
            written[name], pulled[name] = tables.rows[name].pull(
                table,
                getattr(batch, field),
                like=first.get(field),
                active=moves.get(name),
            )
            first.setdefault(field, pulled[name])
        small = batch._replace(**{field: like.ids for field, like in first.items()})
        small = mesh_lib.shard_batch(small, mesh)
        inputs = LossInputs(key, state.step, state.carry)

        def loss_of(rows: Rows, rest: Any) -> Any:
            params = in_use(join_rows(rows, rest), state)
            return call_loss(loss_fn, params, small, inputs)

        rows = {name: part.rows for name, part in pulled.items()}
        gradients, output = jax.grad(loss_of, (0, 1), has_aux=True)(rows, state.params)
        row_gradients, gradients = clip(gradients, clip_norm)
        for name, gradient in row_gradients.items():
            if name in keep_zeros:
                gradient = where_nonzero(gradient, pulled[name].rows)
            written[name] = tables.rows[name].push(
                written[name], pulled[name], gradient, active=moves.get(name)
            )
        state = descend(tx, state, gradients, hold)
        state = state._replace(tables=written, carry=output.carry)
        return state, StepReport.of(output)

    def params(state: TrainState) -> Any:
        moves = moving(state)
        values = {
            name: tables.rows[name].values(table, moves.get(name))
            for name, table in state.tables.items()
        }
        return in_use(join_rows(values, state.params), state)

    def resize(state: TrainState, anchors: Mapping[str, int]) -> TrainState:
        room = jax.eval_shape(
            lambda state: join_rows(stored(state), state.params), state
        )
        check_counts(anchors, room)
        strays = set(anchors) - set(state.tables) - transforms(state.params)
        if strays:
            raise ValueError(
                f"The transform of table {min(strays)!r} is trained by lazy rows under "
                f"one of the names {sorted(state.tables)}: name it as the table."
            )
        settled, moves = dict(state.tables), moving(state)
        before = {name: int(count) for name, count in (state.active or {}).items()}
        for name, table in state.tables.items():
            # Within the steps that a row waits, the same columns must have moved.
            if hold and before.get(name) != anchors.get(name):
                tables.rows[name].check(table)
                settled[name] = settle[name](table, moves.get(name))
        return state._replace(tables=settled, active=counts(anchors, mesh))

    def stored(state: TrainState) -> Rows:
        return {
            name: tables.rows[name].values(table)
            for name, table in state.tables.items()
        }

    def moving(state: TrainState) -> Rows:
        """The columns of each table that are not held."""
        if state.active is None or not hold:
            return {}
        return {
            name: columns(state.active[name], table.layout.columns)
            for name, table in state.tables.items()
            if name in state.active
        }

    settle = {
        name: jax.jit(
            rows.settle, donate_argnums=0, out_shardings=mesh_lib.replicated(mesh)
        )
        for name, rows in tables.rows.items()
    }
    epoch = make_epoch(
        step,
        batch_size,
        mesh,
        carry=carry,
        shuffle=shuffle,
        compiler_options=lazy_compiler_options(mesh, batch_size),
    )
    return Trainer(create, step, epoch, params, resize, mesh)


def lazy_compiler_options(mesh: Mesh, batch_size: int) -> dict[str, str]:
    """What to compile steps by lazy rows with, for `jax.jit(compiler_options=...)`.

    On a CPU, XLA cuts loops into a part for every core where they seem long enough. It
    takes reading some rows of a table for as long as reading all of it, so that steps
    of a few examples spend their time handing over parts from thread to thread. For
    small batches that pass of the compiler is left out.
    """
    if mesh.devices.flat[0].platform != "cpu" or batch_size >= _FEW_EXAMPLES:
        return {}
    return {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"}
