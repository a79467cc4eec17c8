"""How parameters become a state that is trained, step by step, and parameters again."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from ant_jax.optim.elementwise import elementwise
from ant_jax.optim.lazy import LazyRows
from ant_jax.training import mesh as mesh_lib
from ant_jax.training.state import TrainState

Loss = Callable[[Any, Any], Float[Array, ""]]  # (params, batch) -> scalar
Rows = dict[str, Array]  # name of a table -> its rows


class Trainer(NamedTuple):
    """Three functions that a training loop needs."""

    create: Callable[[Any], TrainState]  # from fresh parameters
    step: Callable[[TrainState, Any], tuple[TrainState, Array]]  # on a batch; loss
    params: Callable[[TrainState], Any]  # after the steps taken


class Tables(NamedTuple):
    """Which of a model's parameters are trained by lazy rows.

    `split` and `join` are inverse to each other: tables of shape (V, columns) by name,
    and what is left of the parameters.
    """

    rows: Mapping[str, LazyRows]  # the optimizer of each table
    ids: Mapping[str, str]  # name of a table -> field of a batch that indexes it
    split: Callable[[Any], tuple[Rows, Any]]
    join: Callable[[Rows, Any], Any]


def dense_trainer(
    loss_fn: Loss, tx: optax.GradientTransformation, mesh: Mesh
) -> Trainer:
    """Trains all parameters by one transformation, which moves all of them every step.

    Args:
      loss_fn: mean loss of a batch.
      tx: the optimizer; its update is given the parameters.
      mesh: see `data_mesh`; the batch is cut across it.
    """

    def create(params: Any) -> TrainState:
        return TrainState(jnp.zeros((), jnp.int32), params, tx.init(params), {})

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Array]:
        batch = mesh_lib.shard_batch(batch, mesh)
        loss, gradients = jax.value_and_grad(loss_fn)(state.params, batch)
        return _descend(tx, state, gradients), loss

    return Trainer(create, step, lambda state: state.params)


def lazy_trainer(
    loss_fn: Loss,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    tables: Tables,
    support: Mapping[str, Bool[Array, "vocab columns"]] | None = None,
) -> Trainer:
    """Trains large tables by exact lazy rows, and the rest by a transformation.

    The loss sees ordinary parameters whose tables are as long as a batch, and a batch
    whose ids are renumbered to match: it is the same function as for `dense_trainer`,
    and so are the results.

    Args:
      loss_fn: mean loss of a batch, a NamedTuple.
      tx: the optimizer of what is not a table.
      mesh: see `data_mesh`; every device reads and writes all rows of a batch, and
        computes on its share of it.
      tables: which tables, and how they are optimized.
      support: where entries of a table may move, by name; all may where none is given.
    """

    def create(params: Any) -> TrainState:
        values, rest = tables.split(params)
        state = {name: tables.rows[name].init(table) for name, table in values.items()}
        return TrainState(jnp.zeros((), jnp.int32), rest, tx.init(rest), state)

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Array]:
        written, pulled = dict(state.tables), {}
        # Tables of the same ids are numbered as the first of them.
        first: dict[str, Any] = {}
        for name, table in state.tables.items():
            field = tables.ids[name]
            written[name], pulled[name] = tables.rows[name].pull(
                table, getattr(batch, field), like=first.get(field)
            )
            first.setdefault(field, pulled[name])
        small = batch._replace(**{field: like.ids for field, like in first.items()})
        small = mesh_lib.shard_batch(small, mesh)

        def loss_of(rows: Rows, rest: Any) -> Array:
            return loss_fn(tables.join(rows, rest), small)

        rows = {name: part.rows for name, part in pulled.items()}
        loss, (row_gradients, gradients) = jax.value_and_grad(loss_of, (0, 1))(
            rows, state.params
        )
        for name, gradient in row_gradients.items():
            if support is not None and name in support:
                stays = support[name][getattr(batch, tables.ids[name])]
                gradient = jnp.where(stays, gradient, jnp.zeros_like(gradient))
            written[name] = tables.rows[name].push(
                written[name], pulled[name], gradient
            )
        return _descend(tx, state, gradients)._replace(tables=written), loss

    def params(state: TrainState) -> Any:
        values = {
            name: tables.rows[name].values(table)
            for name, table in state.tables.items()
        }
        return tables.join(values, state.params)

    return Trainer(create, step, params)


def _descend(
    tx: optax.GradientTransformation, state: TrainState, gradients: Any
) -> TrainState:
    updates, opt_state = tx.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(_add, state.params, updates)
    return TrainState(state.step + 1, params, opt_state, state.tables)


@elementwise
def _add(p: Array, update: Array) -> Array:
    # As optax.apply_updates, but one loop with the optimizer's own.
    return p + update.astype(p.dtype)
